-- A client of the Antiphon server for Lua hosts. Lua has no sockets of its own, so this speaks HTTP by way of curl, which
-- comes with macOS, Windows 10 and every Linux: the same commands as over OSC (docs/protocol.md), and nothing else.
--
-- The host hands in how a program is run: run(command, timeout_s) -> exit status, output. The same file serves every Lua host.

local Antiphon = {}
Antiphon.__index = Antiphon

local CALL_TIMEOUT_S = 10
local CURL_CANNOT_CONNECT = { [5] = true, [6] = true, [7] = true, [28] = true, [52] = true, [56] = true }

-- JSON ---------------------------------------------------------------------------------------------------------------

local ESCAPES = { ['"'] = '"', ["\\"] = "\\", ["/"] = "/", b = "\b", f = "\f", n = "\n", r = "\r", t = "\t" }
local decode_value

local function fail(text, at, what)
	error({ code = "malformed", message = string.format("not JSON at %d: %s", at, what) }, 0)
end

local function skip(text, at)
	return text:find("[^ \t\r\n]", at) or #text + 1
end

local function decode_string(text, at)
	local parts = {}
	at = at + 1
	while true do
		local stop = text:find('["\\]', at) or fail(text, at, "a string without end")
		parts[#parts + 1] = text:sub(at, stop - 1)
		if text:sub(stop, stop) == '"' then return table.concat(parts), stop + 1 end
		local letter = text:sub(stop + 1, stop + 1)
		at = stop + 2
		if letter == "u" then
			local code = tonumber(text:sub(at, at + 3), 16) or fail(text, at, "an escape")
			at = at + 4
			local low = code >= 0xD800 and code < 0xDC00 and tonumber(text:match("^\\u(%x%x%x%x)", at) or "", 16)
			if low then
				code = 0x10000 + (code - 0xD800) * 0x400 + (low - 0xDC00)
				at = at + 6
			end
			parts[#parts + 1] = utf8.char(code)
		else
			parts[#parts + 1] = ESCAPES[letter] or fail(text, at, "an escape")
		end
	end
end

local function decode_members(text, at, close, read)
	at = skip(text, at + 1)
	if text:sub(at, at) == close then return at + 1 end
	while true do
		at = skip(text, read(at))
		local mark = text:sub(at, at)
		if mark == close then return at + 1 end
		if mark ~= "," then fail(text, at, "a comma is missing") end
		at = skip(text, at + 1)
	end
end

function decode_value(text, at)
	at = skip(text, at)
	local first = text:sub(at, at)
	if first == "{" then
		local object = {}
		local after = decode_members(text, at, "}", function(place)
			if text:sub(place, place) ~= '"' then fail(text, place, "a name is missing") end
			local name, colon = decode_string(text, place)
			colon = skip(text, colon)
			if text:sub(colon, colon) ~= ":" then fail(text, colon, "a colon is missing") end
			local value, rest = decode_value(text, colon + 1)
			object[name] = value
			return rest
		end)
		return object, after
	elseif first == "[" then
		local list = {}
		local after = decode_members(text, at, "]", function(place)
			local value, rest = decode_value(text, place)
			list[#list + 1] = value
			return rest
		end)
		return list, after
	elseif first == '"' then
		return decode_string(text, at)
	end
	local word = text:match("^[%w.+-]+", at) or fail(text, at, "a value is missing")
	if word == "true" then return true, at + 4 end
	if word == "false" then return false, at + 5 end
	if word == "null" then return nil, at + 4 end
	return tonumber(word) or fail(text, at, "a number"), at + #word
end

-- The value of a JSON text. Raises {code, message}. null is nil.
function Antiphon.decode(text)
	local value, after = decode_value(text, 1)
	if skip(text, after) <= #text then fail(text, after, "more than one value") end
	return value
end

local function quoted(text)
	return '"' .. text:gsub('[%c"\\]', function(c) return string.format("\\u%04x", c:byte()) end) .. '"'
end

-- A flat table of names and texts, numbers or booleans as a JSON object, in the order of the names.
function Antiphon.encode(values)
	local names, members = {}, {}
	for name in pairs(values) do names[#names + 1] = name end
	table.sort(names)
	for _, name in ipairs(names) do
		local value = values[name]
		if type(value) == "number" then
			-- Some hosts set a locale that writes numbers with a comma.
			value = (math.type(value) == "integer" and "%d" or "%.10g"):format(value):gsub(",", ".")
		elseif type(value) ~= "boolean" then
			value = quoted(tostring(value))
		end
		members[#members + 1] = quoted(name) .. ":" .. tostring(value)
	end
	return "{" .. table.concat(members, ",") .. "}"
end

-- Talking to the server ------------------------------------------------------------------------------------------------

-- options: url, client (a name of one's own), token, folder (for small temporary files), run.
function Antiphon.new(options)
	local self = setmetatable({}, Antiphon)
	self.url = (options.url or "http://127.0.0.1:9011"):gsub("/+$", "")
	self.client = options.client or "lua"
	self.token = options.token
	self.folder = options.folder
	self.run = options.run
	self.count = 0
	-- Ids that no other start of this host has used.
	-- Two actions may start in the same second of the same host, each with a Lua state of its own: the processor time tells
	-- them apart, where a seed from the clock alone gave both the same ids.
	self.prefix = string.format("%s-%x-%x", self.client, os.time(), math.floor(os.clock() * 1e6))
	return self
end

-- An id of our own for a request.
function Antiphon:id()
	self.count = self.count + 1
	return self.prefix .. "-" .. self.count
end

local function write(path, text)
	local file, why = io.open(path, "wb")
	if not file then return nil, { code = "storage", message = "cannot write " .. path .. ": " .. tostring(why) } end
	file:write(text)
	file:close()
	return true
end

-- Send one request; its answer as a table, or nil and {code, message}. Nothing of what is sent stands on the command line:
-- curl reads it from a file, so no shell has a chance to misread it.
function Antiphon:request(method, path, values)
	local body_path, config_path = self.folder .. "/antiphon-body.json", self.folder .. "/antiphon-curl.txt"
	local config = {
		"silent", "show-error", "globoff", "max-time = " .. CALL_TIMEOUT_S, 'write-out = "\\n%{http_code}"',
		"request = " .. method, 'url = "' .. self.url .. path .. '"', 'header = "X-Antiphon-Client: ' .. self.client .. '"',
		'noproxy = "*"',
	}
	if self.token and self.token ~= "" then config[#config + 1] = 'header = "Authorization: Bearer ' .. self.token .. '"' end
	if values then
		config[#config + 1] = 'header = "Content-Type: application/json"'
		config[#config + 1] = 'data-binary = "@' .. body_path:gsub("\\", "\\\\") .. '"'
		local ok, why = write(body_path, Antiphon.encode(values))
		if not ok then return nil, why end
	end
	local ok, why = write(config_path, table.concat(config, "\n") .. "\n")
	if not ok then return nil, why end
	local status, output = self.run('curl --config "' .. config_path .. '"', CALL_TIMEOUT_S + 2)
	os.remove(config_path)
	os.remove(body_path)
	return self:answer(status, output or "")
end

function Antiphon:answer(status, output)
	local text, http = output:match("^(.-)\r?\n?(%d%d%d)%s*$")
	if CURL_CANNOT_CONNECT[status] or http == "000" then
		return nil, {
			code = "unreachable",
			message = "no Antiphon server answers at " .. self.url .. ": start one with `antiphon serve`, then try again",
		}
	end
	if status ~= 0 or not http then
		return nil, { code = "internal", message = "curl could not be run (status " .. tostring(status) .. "): " .. output }
	end
	if text == "" then return {} end
	local fine, value = pcall(Antiphon.decode, text)
	if not fine then
		return nil, { code = "internal", message = self.url .. " answers, but not as Antiphon does: check the address" }
	end
	if tonumber(http) >= 400 then return nil, value.error or { code = "internal", message = "HTTP " .. http } end
	return value
end

-- A command of the protocol's table.
function Antiphon:call(name, values) return self:request("POST", "/api/" .. name, values or {}) end

-- Something to read: "status", "candidates/ID", "jobs/ID".
function Antiphon:get(path) return self:request("GET", "/api/" .. path) end

-- Look once how a job stands. Returns "working", fraction, stage; or "done", candidates; or "failed", {code, message}.
function Antiphon:look(job_id)
	local job, why = self:get("jobs/" .. job_id)
	if not job then return "failed", why end
	if job.state == "failed" then return "failed", { code = job.error_code, message = job.error_message } end
	if job.state == "cancelled" then return "failed", { code = "cancelled", message = "the request was cancelled" } end
	if job.state ~= "done" then return "working", job.fraction or 0, job.stage or "" end
	local newest, trouble = self:get("candidates?limit=100")
	if not newest then return "failed", trouble end
	local made = {}
	for _, candidate in ipairs(newest.candidates) do
		if candidate.job_id == job_id then table.insert(made, 1, candidate) end
	end
	return "done", made
end

-- The candidate that a file or a region belongs to, by its name; nil for names of others.
function Antiphon.candidate_of(name)
	return name:match("antiphon_[^_]*_[^_]*_[^_]*_([%w-]+)_")
end

-- The stem that a file or a region is, by its name.
function Antiphon.stem_of(name)
	return name:match("antiphon_[^_]*_[^_]*_([^_]*)_[%w-]+_")
end

return Antiphon
