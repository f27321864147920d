-- Scripts in the slots of Ardour's Script Manager, saved as its GUI saves them: of each action the factory's bytecode.
-- ardour-lua slots.lua TARGET SCRIPT…
local described
function ardour(about) described = about end
local saved = "scripts = {} "
for i = 2, #arg do
	local file = assert(io.open(arg[i]))
	local text = file:read("a")
	file:close()
	assert(load(text))()
	local slot = string.format("scripts[%d]", i - 1)
	saved = saved .. string.format("%s = {} %s['n'] = %q %s['s'] = %q %s['f'] = %q %s['c'] = '' %s['a'] = {} ",
		slot, slot, described.name, slot, text, slot, string.dump(factory, true), slot, slot)
end
local target = assert(io.open(arg[1], "w"))
target:write(saved)
target:close()
quit()
