-- A new session with one stereo audio track for each of the names given.
-- ardour-lua create.lua FOLDER NAME RATE TRACK…
local folder, name, rate = arg[1], arg[2], tonumber(arg[3])
AudioEngine:set_backend("None (Dummy)", "ardour", "")
local session = create_session(folder, name, rate)
assert(session, "no session was made")
for i = 4, #arg do
	session:new_audio_track(2, 2, nil, 1, arg[i], ARDOUR.PresentationInfo.max_order, ARDOUR.TrackMode.Normal, true, false)
end
-- Ardour connects new tracks to the master bus in its own time: saved too early, the last one would stay silent.
for track in session:get_tracks():iter() do
	local waited_ms = 0
	while not track:output():audio(0):connected() do
		assert(waited_ms < 10000, track:name() .. " was never connected")
		ARDOUR.LuaAPI.usleep(10000)
		waited_ms = waited_ms + 10
	end
end
session:save_state("")
session = nil
close_session()
quit()
