ardour {
	["type"] = "EditorAction",
	name = "Antiphon: vary",
	author = "Antiphon",
	license = "GPL",
	description = [[Have variations made of the loop whose region is selected; their stems come in as tracks at the playhead.]],
}

function factory() return function()
	-- Ardour takes dofile and require from scripts; reading and load are left.
	local file = assert(io.open(ARDOUR.LuaAPI.build_filename(ARDOUR.user_config_directory(-1), "scripts", "antiphon_session.lua")))
	local shared = assert(load(file:read("a"), "=antiphon_session.lua"))()
	file:close()
	local candidate = shared.selected_one()
	if not candidate then return end
	local answer = LuaDialog.Dialog("Antiphon: vary", {
		{ type = "slider", key = "amount", title = "How different", min = 0, max = 1, digits = 2, default = 0.3 },
		{ type = "number", key = "count", title = "How many", min = 1, max = 8, step = 1, digits = 0, default = 1 },
	}):run()
	collectgarbage()
	if not answer then return end
	local _, position = shared.place()
	shared.ask(shared.connect(), "vary", {
		candidate_id = candidate, count = math.floor(answer["count"]), amount = math.floor(answer["amount"] * 100 + 0.5) / 100,
	}, position)
end end
