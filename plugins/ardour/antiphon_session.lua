-- What the Ardour actions share: where they stand in the session, how they ask, how they show errors, how stems come in.

local config = ARDOUR.user_config_directory(-1)
local client_file = assert(io.open(ARDOUR.LuaAPI.build_filename(config, "scripts", "antiphon_client.lua")))
local Antiphon = assert(load(client_file:read("a"), "=antiphon_client.lua"))()
client_file:close()

local Shared = { Antiphon = Antiphon }
local LOOK_EVERY_US = 300000
local RATES = { [44100] = true, [48000] = true, [96000] = true }

local function run(command)
	local pipe = io.popen(command .. " 2>&1", "r")
	local output = pipe:read("a")
	local _, _, status = pipe:close()
	return status or 0, output
end

-- The server of the file antiphon.txt in Ardour's configuration folder (a line `url = …`, a line `token = …`), else the
-- usual one on this machine.
function Shared.connect()
	local options = { client = "ardour", run = run, folder = os.tmpname():match("^(.*)[/\\]") or "/tmp" }
	local file = io.open(ARDOUR.LuaAPI.build_filename(config, "antiphon.txt"), "r")
	if file then
		for line in file:lines() do
			local name, value = line:match("^%s*(%a+)%s*=%s*(%S+)")
			if name == "url" or name == "token" then options[name] = value end
		end
		file:close()
	end
	return Antiphon.new(options)
end

function Shared.show(title, text, kind)
	LuaDialog.Message(title, text, kind or LuaDialog.MessageType.Error, LuaDialog.ButtonType.Close):run()
end

function Shared.show_error(why)
	Shared.show("Antiphon", string.format("%s\n(%s)", why.message or "", why.code or "internal"))
end

-- The tempo at the playhead in quarter notes a minute, the playhead's place, and the session's sample rate.
function Shared.place()
	local position = Temporal.timepos_t(Session:transport_sample())
	local map = Temporal.TempoMap.read()
	local bpm = map:quarters_per_minute_at(position)
	map = nil
	collectgarbage()
	return math.floor(bpm * 1000 + 0.5) / 1000, position, Session:nominal_sample_rate()
end

-- The candidates whose regions are selected, each once.
function Shared.selected()
	local found, seen = {}, {}
	local selection = Editor:get_selection()
	for region in selection.regions:regionlist():iter() do
		local candidate = Antiphon.candidate_of(region:name())
		if candidate and not seen[candidate] then
			seen[candidate] = true
			found[#found + 1] = candidate
		end
	end
	return found
end

-- The one candidate that is meant, or nil after saying what to do.
function Shared.selected_one()
	local found = Shared.selected()
	if #found == 1 then return found[1] end
	Shared.show("Antiphon", #found == 0 and "Select a region that came from Antiphon first."
		or "The selected regions belong to several loops: select those of one.", LuaDialog.MessageType.Info)
	return nil
end

local function import(candidate, position)
	local files = C.StringVector()
	for _, stem in ipairs(candidate.stems) do files:push_back(stem.path) end
	Editor:do_import(files, Editing.ImportDistinctFiles, Editing.ImportAsTrack, ARDOUR.SrcQuality.SrcBest,
		ARDOUR.MidiTrackNameSource.SMFTrackName, ARDOUR.MidiTempoMapDisposition.SMFTempoIgnore,
		position, ARDOUR.PluginInfo(), ARDOUR.Track(), false)
end

-- Ask, show the progress with a way to cancel, and bring the stems of what comes in as tracks at `position`.
function Shared.ask(client, command, values, position)
	values.request_id = client:id()
	local accepted, why = client:call(command, values)
	if not accepted then return Shared.show_error(why) end
	local window = LuaDialog.ProgressWindow("Antiphon", true)
	window:progress(0, "waiting for the model")
	local state, first, second = "working", 0, ""
	while state == "working" do
		if window:canceled() then
			client:call("cancel", { request_id = values.request_id })
			window:done()
			return
		end
		window:progress(first, second)
		ARDOUR.LuaAPI.usleep(LOOK_EVERY_US)
		state, first, second = client:look(accepted.job_id)
	end
	window:done()
	if state == "failed" then return Shared.show_error(first) end
	for _, candidate in ipairs(first) do import(candidate, position) end
	client:call("playing", { candidate_id = first[#first].candidate_id })
end

-- What was asked for last, so that one key has it again: a file with a line of JSON beside antiphon.txt.
local function last_file(mode)
	return io.open(ARDOUR.LuaAPI.build_filename(config, "antiphon_last.json"), mode)
end

function Shared.remember(values)
	local file = last_file("w")
	if not file then return end
	file:write(Antiphon.encode(values), "\n")
	file:close()
end

-- The wishes of the last dialog; where there was none, or its file is damaged, those that the dialog begins with.
function Shared.remembered()
	local file, wishes = last_file("r"), { bars = 4, count = 1, energy = 0.5 }
	if not file then return wishes end
	local known, found = pcall(Antiphon.decode, file:read("a"))
	file:close()
	if not known or type(found) ~= "table" then return wishes end
	for _, key in ipairs({ "bars", "count", "energy" }) do
		if math.type(found[key]) then wishes[key] = found[key] end
	end
	for _, key in ipairs({ "prompt", "key" }) do
		if type(found[key]) == "string" and found[key] ~= "" then wishes[key] = found[key] end
	end
	return wishes
end

-- The sample rate for a request, or nil after saying what to do.
function Shared.check_rate(rate)
	if RATES[rate] then return rate end
	Shared.show("Antiphon", string.format(
		"This session runs at %d Hz; the server makes files at 44100, 48000 and 96000 Hz. Use a session at one of these.", rate))
	return nil
end

return Shared
