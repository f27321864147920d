-- The script of the layout's root: says hello, shows what the server says, notices when it is lost.
-- Buttons of the layout notify it by name; it sends what needs an id of its own.
local PORT = 9020 -- where this device listens: the receive port of connection 1
local TOKEN = '' -- the server's token, where it has one
local HELLO_MS, LOST_MS, TTL_S = 3000, 10000, 60

local last_hello, last_subscribe, last_heard, lost, count = -HELLO_MS, nil, nil, false, 0
local run = string.format('tosc-%06d', math.random(0, 999999))

local function show(name, text)
  local label = root:findByName(name, true)
  if label then label.values.text = text end
end

local function id()
  count = count + 1
  return string.format('%s-%d-%d', run, getMillis(), count)
end

local function say_hello(now)
  last_hello = now
  if TOKEN ~= '' then
    sendOSC('/antiphon/hello', run, 'touchosc', 'token', TOKEN)
  else
    sendOSC('/antiphon/hello', run, 'touchosc')
  end
  if not last_subscribe or now - last_subscribe > TTL_S * 500 then
    last_subscribe = now
    sendOSC('/antiphon/subscribe', PORT, '', TTL_S)
    sendOSC('/antiphon/refresh')
  end
end

function init()
  last_heard = getMillis()
  say_hello(last_heard)
end

function update()
  local now = getMillis()
  if now - last_hello > HELLO_MS then say_hello(now) end
  if not lost and now - last_heard > LOST_MS then
    lost, last_subscribe = true, nil
    show('status', 'no server answers: is it running, and are host and ports of connection 1 right?')
  end
end

-- Buttons: what they are called is what they do.
function onReceiveNotify(name, candidate)
  if name == 'generate' then
    local bars = root:findByName('bars', true).values.x
    local energy = root:findByName('energy', true).values.x
    sendOSC('/antiphon/generate', id(), 'bars', ({ 1, 2, 4, 8 })[math.floor(bars * 3 + 1.5)], 'energy', energy)
  elseif name == 'evolve' then
    sendOSC('/antiphon/evolve', id())
  elseif name == 'vary' then
    local current = root:findByName('candidate', true).values.text
    if current == '' or current == '-' then
      show('status', 'nothing is being auditioned: press next first')
    else
      sendOSC('/antiphon/vary', id(), current)
    end
  end
end

local function heard(address, value)
  if address == 'error' then
    show('status', value(3))
  elseif address == 'progress' then
    show('status', string.format('%d %% %s', math.floor(value(2) * 100), value(3)))
  elseif address == 'done' then
    show('status', 'done: press next to hear of it')
  elseif address == 'current' then
    show('candidate', value(1) == '' and '-' or value(1))
    show('place', value(1) == '' and '' or string.format('%d of %d', value(2) + 1, value(3)))
  elseif address == 'rated' then
    show('status', string.format('rated %s: %.2f', value(2), value(3)))
  elseif address == 'tempo' then
    show('tempo', string.format('%.1f bpm', value(1)))
  elseif address == 'subscribed' and value(2) < 0 then
    last_subscribe = nil
    show('status', 'the server stops')
  end
end

function onReceiveOSC(message)
  local address = message[1]:match('^/antiphon/(.+)$')
  if not address then return false end
  last_heard = getMillis()
  if lost then
    lost = false
    show('status', 'connected')
  end
  heard(address, function(place) return message[2][place].value end)
  return false
end
