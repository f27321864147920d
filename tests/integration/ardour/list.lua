-- A session as Ardour itself sees it, a line each: every region with track, name, position and length in samples and highest
-- sample value; and at each place asked for, tempo in quarter notes a minute, meter, bar.
-- ardour-lua list.lua FOLDER NAME PLACE…
AudioEngine:set_backend("None (Dummy)", "ardour", "")
local session = load_session(arg[1], arg[2])
assert(session, "the session did not load")
for track in session:get_tracks():iter() do
	for region in track:to_track():playlist():region_list():iter() do
		local peak = region:to_audioregion():maximum_amplitude(nil)
		print(string.format("region\t%s\t%s\t%d\t%d\t%.6f", track:name(), region:name(),
			region:position():samples(), region:length():samples(), peak))
	end
end
local map = Temporal.TempoMap.read()
for i = 3, #arg do
	local place = Temporal.timepos_t(tonumber(arg[i]))
	local meter = map:meter_at(place)
	print(string.format("place\t%d\t%.4f\t%d/%d\t%s", tonumber(arg[i]), map:quarters_per_minute_at(place),
		meter:divisions_per_bar(), meter:note_value(), map:bbt_at(place):str()))
end
for location in session:locations():list():iter() do
	print(string.format("location\t%s\t%d\t%d", location:name(), location:start():samples(), location:_end():samples()))
end
map = nil
session = nil
close_session()
quit()
