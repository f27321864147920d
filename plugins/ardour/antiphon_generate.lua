ardour {
	["type"] = "EditorAction",
	name = "Antiphon: generate",
	author = "Antiphon",
	license = "GPL",
	description = [[Have a loop made in the session's tempo and sample rate; its stems come in as tracks at the playhead.]],
}

function factory() return function()
	-- Ardour takes dofile and require from scripts; reading and load are left.
	local file = assert(io.open(ARDOUR.LuaAPI.build_filename(ARDOUR.user_config_directory(-1), "scripts", "antiphon_session.lua")))
	local shared = assert(load(file:read("a"), "=antiphon_session.lua"))()
	file:close()
	local bpm, position, rate = shared.place()
	if not shared.check_rate(rate) then return end
	local last = shared.remembered()
	local answer = LuaDialog.Dialog("Antiphon: generate", {
		{ type = "label", title = string.format("%g bpm, at the playhead", bpm), colspan = 2 },
		{ type = "entry", key = "prompt", title = "In words", default = last.prompt or "" },
		{ type = "entry", key = "key", title = "Key (Am, F#, D dorian)", default = last.key or "" },
		{ type = "number", key = "bars", title = "Bars", min = 1, max = 16, step = 1, digits = 0, default = last.bars },
		{ type = "number", key = "count", title = "How many", min = 1, max = 8, step = 1, digits = 0, default = last.count },
		{ type = "slider", key = "energy", title = "Energy", min = 0, max = 1, digits = 2, default = last.energy },
	}):run()
	collectgarbage()
	if not answer then return end
	local values = {
		bars = math.floor(answer["bars"]), count = math.floor(answer["count"]),
		energy = math.floor(answer["energy"] * 100 + 0.5) / 100,
	}
	if answer["prompt"] ~= "" then values.prompt = answer["prompt"] end
	if answer["key"] ~= "" then values.key = answer["key"] end
	shared.remember(values)
	values.bpm, values.rate = bpm, rate
	shared.ask(shared.connect(), "generate", values, position)
end end
