ardour { ["type"] = "EditorAction", name = "Test: where is the playhead?" }

function factory() return function()
	local place = ARDOUR.LuaAPI.build_filename(ARDOUR.user_config_directory(-1), "playhead.txt")
	local file = assert(io.open(place, "w"))
	file:write(string.format("%d", Session:transport_sample()))
	file:close()
end end
