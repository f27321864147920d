-- What the REAPER actions share: where they stand in the project, how they ask, how they show errors, how stems come in.

local here = debug.getinfo(1, "S").source:match("^@(.*[/\\])")
local beside = io.open(here .. "antiphon_client.lua", "r")
if beside then beside:close() end
local Antiphon = dofile(here .. (beside and "" or "../lua/") .. "antiphon_client.lua")

local Shared = { Antiphon = Antiphon }
local LOOK_EVERY_S = 0.5
local RATES = { [44100] = true, [48000] = true, [96000] = true }
local MOST_BARS = 16
local BUILD_MISSING_PEAKS = 40047

-- REAPER answers "status\noutput", or nil where the program could not be run.
local function run(command, timeout_s)
	local answer = reaper.ExecProcess(command, math.floor(timeout_s * 1000))
	if not answer then return 127, "" end
	local status, output = answer:match("^(%-?%d+)\r?\n(.*)$")
	return tonumber(status) or 127, output or ""
end

-- The server at `url` and `token` of the section `antiphon` in reaper-extstate.ini, else the usual one on this machine.
function Shared.connect()
	if Shared.client then return Shared.client end
	local function setting(name)
		local value = reaper.GetExtState("antiphon", name)
		return value ~= "" and value or nil
	end
	Shared.client = Antiphon.new({
		client = "reaper", run = run, folder = reaper.GetResourcePath(), url = setting("url"), token = setting("token"),
	})
	return Shared.client
end

function Shared.show_error(why)
	reaper.MB(string.format("%s\n(%s)", why.message or "", why.code or "internal"), "Antiphon", 0)
end

-- Where a loop shall go, and what it shall be: the time selection, else the edit cursor and four bars.
function Shared.place()
	local from, to = reaper.GetSet_LoopTimeRange(false, false, 0, 0, false)
	local position = to > from and from or reaper.GetCursorPosition()
	local numerator, denominator, bpm = reaper.TimeMap_GetTimeSigAtTime(0, position)
	local bars = 4
	if to > from then
		local beats = reaper.TimeMap2_timeToQN(0, to) - reaper.TimeMap2_timeToQN(0, from)
		bars = math.max(1, math.min(MOST_BARS, math.floor(beats / (numerator * 4 / denominator) + 0.5)))
	end
	local rate = reaper.GetSetProjectInfo(0, "PROJECT_SRATE", 0, false)
	return {
		position = position, bars = bars, bpm = math.floor(bpm * 1000 + 0.5) / 1000,
		meter = string.format("%d/%d", numerator, denominator),
		-- REAPER resamples what is of another rate, but there is no need where the server makes the project's.
		rate = RATES[math.floor(rate)] and math.floor(rate) or 48000,
	}
end

-- The candidates whose items are selected, each once.
function Shared.selected()
	local found, seen = {}, {}
	for index = 0, reaper.CountSelectedMediaItems(0) - 1 do
		local take = reaper.GetActiveTake(reaper.GetSelectedMediaItem(0, index))
		local candidate = take and Antiphon.candidate_of(reaper.GetTakeName(take))
		if candidate and not seen[candidate] then
			seen[candidate] = true
			found[#found + 1] = candidate
		end
	end
	return found
end

local function insert_stem(stem, position)
	local index = reaper.CountTracks(0)
	reaper.InsertTrackAtIndex(index, true)
	local track = reaper.GetTrack(0, index)
	reaper.GetSetMediaTrackInfo_String(track, "P_NAME", stem.stem, true)
	local item = reaper.AddMediaItemToTrack(track)
	local take = reaper.AddTakeToMediaItem(item)
	reaper.SetMediaItemTake_Source(take, reaper.PCM_Source_CreateFromFile(stem.path))
	-- The file's name carries the candidate's id: rating and varying find it there.
	reaper.GetSetMediaItemTakeInfo_String(take, "P_NAME", stem.path:match("([^/\\]+)%.%w+$"), true)
	reaper.SetMediaItemInfo_Value(item, "D_POSITION", position)
	reaper.SetMediaItemInfo_Value(item, "D_LENGTH", stem.frames / stem.sample_rate)
	reaper.SetMediaItemInfo_Value(item, "B_LOOPSRC", 1)
	-- REAPER gives new items short fades; a loop has none.
	reaper.SetMediaItemInfo_Value(item, "D_FADEINLEN", 0)
	reaper.SetMediaItemInfo_Value(item, "D_FADEOUTLEN", 0)
end

-- The stems of candidates on tracks of their own at `position`; one step of undo.
function Shared.insert(candidates, position)
	reaper.Undo_BeginBlock()
	reaper.PreventUIRefresh(1)
	for _, candidate in ipairs(candidates) do
		for _, stem in ipairs(candidate.stems) do insert_stem(stem, position) end
	end
	reaper.PreventUIRefresh(-1)
	reaper.UpdateArrange()
	reaper.Main_OnCommand(BUILD_MISSING_PEAKS, 0)
	reaper.Undo_EndBlock("Antiphon: insert stems", -1)
end

-- Ask, look after it twice a second without holding REAPER up, and insert what comes. `tell(text)` shows how far it is.
-- Returns a function that cancels.
function Shared.ask(command, values, position, tell)
	local client = Shared.connect()
	values.request_id = client:id()
	local accepted, why = client:call(command, values)
	if not accepted then
		Shared.show_error(why)
		return function() end
	end
	local over, next_look = false, 0
	local function look()
		if over then return end
		local now = reaper.time_precise()
		if now >= next_look then
			next_look = now + LOOK_EVERY_S
			local state, first, second = client:look(accepted.job_id)
			if state == "working" then
				tell(string.format("Antiphon: %d %% %s", math.floor(first * 100), second))
			else
				over = true
				tell("")
				if state == "failed" then return Shared.show_error(first) end
				Shared.insert(first, position)
				client:call("playing", { candidate_id = first[#first].candidate_id })
				return
			end
		end
		reaper.defer(look)
	end
	look()
	return function()
		if over then return end
		over = true
		tell("")
		local cancelled, trouble = client:call("cancel", { request_id = values.request_id })
		if not cancelled then Shared.show_error(trouble) end
	end
end

local function status(text) reaper.Help_Set(text, true) end

-- Ask the user for what is not in the project, then generate.
function Shared.generate(tell)
	local place = Shared.place()
	local given, line = reaper.GetUserInputs(
		string.format("Antiphon: %g bpm, %s", place.bpm, place.meter), 4,
		"In words,Key (Am; F#; D dorian),Bars,How many,extrawidth=160,separator=|",
		string.format("||%d|1", place.bars)
	)
	if not given then return end
	local prompt, key, bars, count = line:match("^(.-)|(.-)|(.-)|(.-)$")
	local values = { bpm = place.bpm, meter = place.meter, rate = place.rate }
	values.bars = tonumber(bars) and math.floor(tonumber(bars)) or bars
	values.count = tonumber(count) and math.floor(tonumber(count)) or count
	if prompt ~= "" then values.prompt = prompt end
	if key ~= "" then values.key = key end
	return Shared.ask("generate", values, place.position, tell or status)
end

local function one_selected()
	local found = Shared.selected()
	if #found == 1 then return found[1] end
	reaper.MB(#found == 0 and "Select an item that came from Antiphon first."
		or "The selected items belong to several loops: select those of one.", "Antiphon", 0)
end

function Shared.vary(tell)
	local candidate = one_selected()
	if not candidate then return end
	local given, line = reaper.GetUserInputs("Antiphon: vary", 2, "How different (0 to 1),How many,separator=|", "0.3|1")
	if not given then return end
	local amount, count = line:match("^(.-)|(.-)$")
	return Shared.ask("vary", {
		candidate_id = candidate, amount = tonumber(amount) or amount, count = tonumber(count) and math.floor(tonumber(count)) or count,
	}, Shared.place().position, tell or status)
end

-- Rate what is selected with 0 to 5 stars.
function Shared.rate(stars, tell)
	local found = Shared.selected()
	if #found == 0 then return reaper.MB("Select an item that came from Antiphon first.", "Antiphon", 0) end
	local client = Shared.connect()
	for _, candidate in ipairs(found) do
		local stored, why = client:call("rate", {
			rating_id = client:id(), candidate_id = candidate, value = stars / 5,
		})
		if not stored then return Shared.show_error(why) end
	end
	(tell or status)(string.format("Antiphon: rated %d of 5", stars))
end

-- Step through the candidates and insert the one that is current then. `where` is "next" or "previous".
function Shared.step(where, tell)
	local client = Shared.connect()
	local current, why = client:call("audition/" .. where)
	if not current then return Shared.show_error(why) end
	local candidate, trouble = client:get("candidates/" .. current.candidate_id)
	if not candidate then return Shared.show_error(trouble) end
	Shared.insert({ candidate }, Shared.place().position)
	local say = tell or status
	say(string.format("Antiphon: %s (%d of %d)", current.candidate_id, current.index + 1, current.count))
end

return Shared
