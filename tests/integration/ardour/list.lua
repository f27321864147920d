-- Every region of a session as Ardour itself sees it, a line each: track, region, position and length in samples, highest
-- ardour-lua list.lua FOLDER NAME
-- sample value.
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
session = nil
close_session()
quit()
