ardour {
	["type"] = "EditorAction",
	name = "Antiphon: rate",
	author = "Antiphon",
	license = "GPL",
	description = [[Say how good the loops are whose regions are selected, from 0 to 5.]],
}

function factory() return function()
	-- Ardour takes dofile and require from scripts; reading and load are left.
	local file = assert(io.open(ARDOUR.LuaAPI.build_filename(ARDOUR.user_config_directory(-1), "scripts", "antiphon_session.lua")))
	local shared = assert(load(file:read("a"), "=antiphon_session.lua"))()
	file:close()
	local candidates = shared.selected()
	if #candidates == 0 then
		return shared.show("Antiphon", "Select a region that came from Antiphon first.", LuaDialog.MessageType.Info)
	end
	local answer = LuaDialog.Dialog("Antiphon: rate", {
		{ type = "radio", key = "value", title = "", default = "3",
			values = { ["0"] = 0, ["1"] = 1, ["2"] = 2, ["3"] = 3, ["4"] = 4, ["5"] = 5 } },
	}):run()
	collectgarbage()
	if not answer then return end
	local client = shared.connect()
	for _, candidate in ipairs(candidates) do
		local stored, why = client:call("rate", {
			rating_id = client:id(), candidate_id = candidate, value = answer["value"] / 5,
		})
		if not stored then return shared.show_error(why) end
	end
end end
