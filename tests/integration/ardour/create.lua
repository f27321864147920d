-- A new session with one stereo audio track for each of the names given.
-- ardour-lua create.lua FOLDER NAME RATE TRACK…
local folder, name, rate = arg[1], arg[2], tonumber(arg[3])
AudioEngine:set_backend("None (Dummy)", "ardour", "")
local session = create_session(folder, name, rate)
assert(session, "no session was made")
for i = 4, #arg do
	session:new_audio_track(2, 2, nil, 1, arg[i], ARDOUR.PresentationInfo.max_order, ARDOUR.TrackMode.Normal, true, false)
end
session:save_state("")
session = nil
close_session()
quit()
