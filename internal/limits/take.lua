-- Takes requests from the budget of one key, and keeps account of those in
-- flight. Runs as one step; all times are this server's, in microseconds.
--
-- KEYS  1 the bucket, a hash   2 the epoch
-- ARGV  1 epoch known to the caller, 0 none   2 the one to begin with
--       3 the caller (a process)              4 its requests in flight now
--       5 requests it would start             6 tokens it gives back
--       7 rate a second, 0 none               8 burst
--       9 cap of requests in flight, 0 none   10 microseconds since budgets can be believed, -1 always
--       11 penalty from now on, 0 none        12 how long a claim lasts
-- Answers {granted, wait, penalty left, others wait}; or {-1, epoch} when the
-- caller's epoch is not this server's: it was emptied, or is another one.
--
-- The hash: t tokens, f when they were counted, r the rate since, b no request
-- before, and for each process "p<id>" = requests in flight ":" end of that
-- claim ":" since when it waits, 0 not ":" end of its place in the line. What a
-- process that died leaves behind ends by itself.

local PLACE, MOST = 2e6, 86400e6
local clock = redis.call('TIME')
local now = clock[1] * 1e6 + clock[2]

local epoch = tonumber(redis.call('GET', KEYS[2]) or nil)
if epoch ~= tonumber(ARGV[1]) then
  if not epoch then
    epoch = tonumber(ARGV[2])
    redis.call('SET', KEYS[2], ARGV[2])
  end
  return {-1, epoch, 0, 0}
end

local me, held, want = 'p' .. ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local refund, rate, burst = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local cap, age, penalize = tonumber(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[11])
local lasts = tonumber(ARGV[12])
local function whole(x) return string.format('%.0f', x) end

local tokens, filled, before, penalty = nil, now, rate, 0
local since, was, others = now, 0, {}
local elsewhere, dead = 0, {}
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local name, value = all[i], all[i + 1]
  if name == 't' then tokens = tonumber(value)
  elseif name == 'f' then filled = tonumber(value)
  elseif name == 'r' then before = tonumber(value)
  elseif name == 'b' then penalty = tonumber(value)
  else
    local flying, ends, waits, until_ = string.match(value, '^(%d+):(%d+):(%d+):(%d+)$')
    flying, ends, waits, until_ = tonumber(flying), tonumber(ends), tonumber(waits), tonumber(until_)
    if waits == 0 or until_ <= now then waits = nil end
    if ends <= now then flying = 0 end
    if name == me then
      was = flying
      since = waits or now
    elseif flying == 0 and not waits then
      dead[#dead + 1] = name
    else
      elsewhere = elsewhere + flying
      if waits then others[#others + 1] = waits end
    end
  end
end

-- Processes are served in the order in which they began to wait.
local ahead = 0
for _, waits in ipairs(others) do
  if waits < since then ahead = ahead + 1 end
end

if rate > 0 then
  if tokens then
    tokens = tokens + math.max(0, now - filled) * before / 1e6
  else
    tokens = burst
  end
  if age >= 0 then tokens = math.min(tokens, rate * age / 1e6) end
  tokens = math.max(0, math.min(burst, tokens + refund))
end
penalty = math.min(math.max(penalty, now + penalize), now + MOST)

local granted, wait = 0, 0
if want > 0 then
  if penalty > now then
    wait = penalty - now
  else
    granted = want
    if cap > 0 then granted = math.min(granted, cap - elsewhere - held - ahead) end
    if rate > 0 then granted = math.min(granted, math.floor(tokens + 1e-6) - ahead) end
    granted = math.max(0, granted)
    if rate > 0 then
      tokens = tokens - granted
      local room = cap == 0 or cap - elsewhere - held - granted - ahead > 0
      if granted < want and room then wait = math.ceil(math.min((1 + ahead - tokens) / rate * 1e6, MOST)) end
    end
  end
end

held = held + granted
local waits, place = 0, 0
if granted < want then
  waits = granted > 0 and now or since
  place = now + PLACE
end
local set = {'b', whole(penalty)}
if rate > 0 then
  set = {'b', whole(penalty), 't', string.format('%.9f', tokens), 'f', whole(now), 'r', tostring(rate)}
end
if held > 0 or waits > 0 then
  set[#set + 1] = me
  set[#set + 1] = whole(held) .. ':' .. whole(now + lasts) .. ':' .. whole(waits) .. ':' .. whole(place)
else
  dead[#dead + 1] = me
end
redis.call('HSET', KEYS[1], unpack(set))
if #dead > 0 then redis.call('HDEL', KEYS[1], unpack(dead)) end

-- A bucket that is full and in nobody's use is the same as none.
local keep = math.max(0, penalty - now)
if rate > 0 then keep = math.max(keep, math.min((burst - tokens) / rate * 1e6, 2 * MOST)) end
if held > 0 or waits > 0 or elsewhere > 0 or #others > 0 then keep = math.max(keep, lasts, PLACE) end
if keep > 0 then
  redis.call('PEXPIRE', KEYS[1], math.ceil(keep / 1e3) + 1000)
else
  redis.call('DEL', KEYS[1])
end

local calls = 0
if #others > 0 and (was > held or refund > 0) then calls = 1 end
return {granted, wait, math.max(0, penalty - now), calls}
