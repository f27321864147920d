-- A panel that docks: buttons for everything, the keys 0 to 5 rate what is selected, the lowest line says how far a request is.
local shared = dofile(debug.getinfo(1, "S").source:match("^@(.*[/\\])") .. "antiphon_reaper.lua")

local ROW, GAP = 28, 4
local told, cancel, was_down = "", nil, false

local function tell(text) told = text end

local function asking(begin)
	return function()
		if cancel then cancel() end
		cancel = begin(tell)
	end
end

local rows = {
	{ { "Generate", asking(shared.generate) }, { "Vary", asking(shared.vary) }, { "Cancel", function()
		if cancel then cancel() end
		cancel = nil
	end } },
	{ { "Previous", function() shared.step("previous", tell) end }, { "Next", function() shared.step("next", tell) end } },
	{},
}
for stars = 0, 5 do
	rows[3][stars + 1] = { tostring(stars), function() shared.rate(stars, tell) end }
end

local function button(x, y, w, text)
	local over = gfx.mouse_x >= x and gfx.mouse_x < x + w and gfx.mouse_y >= y and gfx.mouse_y < y + ROW
	gfx.set(over and 0.42 or 0.32, over and 0.42 or 0.32, over and 0.46 or 0.35, 1)
	gfx.rect(x, y, w, ROW, 1)
	gfx.set(0.95, 0.95, 0.95, 1)
	local width, height = gfx.measurestr(text)
	gfx.x, gfx.y = x + (w - width) / 2, y + (ROW - height) / 2
	gfx.drawstr(text)
	return over
end

local function draw()
	local down = gfx.mouse_cap & 1 == 1
	local pressed
	for line, buttons in ipairs(rows) do
		local w = (gfx.w - GAP * (#buttons + 1)) / #buttons
		for place, each in ipairs(buttons) do
			local over = button(GAP + (place - 1) * (w + GAP), GAP + (line - 1) * (ROW + GAP), w, each[1])
			if over and down and not was_down then pressed = each[2] end
		end
	end
	gfx.set(0.8, 0.8, 0.8, 1)
	gfx.x, gfx.y = GAP, GAP + #rows * (ROW + GAP)
	gfx.drawstr(told)
	was_down = down
	if pressed then pressed() end
end

local function loop()
	local key = gfx.getchar()
	if key < 0 then return end -- the panel was closed
	if key >= string.byte("0") and key <= string.byte("5") then shared.rate(key - string.byte("0"), tell) end
	draw()
	gfx.update()
	reaper.defer(loop)
end

gfx.init("Antiphon", 260, 130, tonumber(reaper.GetExtState("antiphon", "dock")) or 0)
gfx.setfont(1, "Arial", 14)
reaper.atexit(function() reaper.SetExtState("antiphon", "dock", tostring(gfx.dock(-1)), true) end)
loop()
