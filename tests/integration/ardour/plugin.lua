-- The Ardour actions, run by Ardour's own Lua with its own bindings for tempo, time and containers, in a real session. What
-- only the GUI has (Editor, dialogs) is stood in for here, and prints what it is asked to do, words parted by tabs.
-- ardour-lua plugin.lua SCRIPTS SESSION_FOLDER ACTION ANSWER...   (ANSWER: name=value of the dialog; +NAME selects a region)
local scripts, folder, action = arg[1], arg[2], arg[3]
local answers, selected = {}, {}
for i = 4, #arg do
	local name, value = arg[i]:match("^([^=+]+)=(.*)$")
	if name then
		answers[name] = tonumber(value) or value
	else
		selected[#selected + 1] = arg[i]:sub(2)
	end
end

AudioEngine:set_backend("None (Dummy)", "ardour", "")
Session = create_session(folder, "s", 48000)
assert(Session, "no session was made")
local map = Temporal.TempoMap.fetch_writable()
map:set_tempo(Temporal.Tempo(93.5, 93.5, 4), Temporal.timepos_t(0))
Temporal.TempoMap.update(map)
map = nil

local function say(...) print(table.concat({ ... }, "\t")) end

Editing = { ImportDistinctFiles = "distinct", ImportAsTrack = "track" }
LuaDialog = {
	MessageType = { Error = "error", Info = "info" }, ButtonType = { Close = "close" },
	Message = function(title, text, kind) return { run = function() say("message", kind, (text:gsub("\n", " "))) end } end,
	Dialog = function(title, rows)
		local given = {}
		for _, row in ipairs(rows) do
			if row.key then
				given[row.key] = answers[row.key]
				if given[row.key] == nil then given[row.key] = row.values and row.values[row.default] or row.default end
			end
		end
		return { run = function() say("dialog", title) return given end }
	end,
	ProgressWindow = function()
		return {
			progress = function(_, fraction, text) say("progress", string.format("%.3f", fraction), text) end,
			canceled = function() return answers.cancel == 1 end,
			done = function() say("progress done") end,
		}
	end,
}
Editor = {
	do_import = function(_, files, distinct, as, quality, names, tempo, position, instrument, track, replace)
		for file in files:iter() do say("import", file, distinct, as, position:samples()) end
		-- A wrong type here would raise in the GUI's binding too.
		assert(instrument and track and replace == false and quality == ARDOUR.SrcQuality.SrcBest)
		assert(names == ARDOUR.MidiTrackNameSource.SMFTrackName)
		assert(tempo == ARDOUR.MidiTempoMapDisposition.SMFTempoIgnore)
	end,
	get_selection = function()
		local function iterate()
			local at = 0
			return function()
				at = at + 1
				return selected[at] and { name = function() return selected[at] end }
			end
		end
		return { regions = { regionlist = function() return { iter = iterate } end } }
	end,
}

local described
function ardour(about) described = about end
local file = assert(io.open(scripts .. "/" .. action .. ".lua"))
assert(load(file:read("a")))()
file:close()
assert(described and described.type == "EditorAction" and described.name:match("^Antiphon: "), "not an action")
-- As Ardour's GUI does it: these are taken away, and of the action only the factory's bytecode is kept.
dofile, require, package, debug, rawget, rawset, coroutine, module = nil, nil, nil, nil, nil, nil, nil, nil
os.exit, os.setlocale = nil, nil
load(string.dump(factory, true))()()

Session = nil
collectgarbage()
close_session()
quit()
