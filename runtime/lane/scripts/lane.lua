-- The part every verb shares: what it loads, and how it writes. The parts after it (scripts.ts names their order) decide.
--
-- A verb loads what it needs into Lua tables, decides there, and writes each key once at the end (`commit`):
-- cost per request falls with the size of the batch.
--
-- KEYS[1]  '{lane}:', the prefix of every key below
--   cap             hash    worker     -> epoch|capacityMb|freeMb|freeCpuMilli|running|state|beatMs   state: r(eady) d(raining)
--   info            hash    worker     -> JSON for people (pid, walls, cells ...)
--   inv             hash    id/attempt -> 'q', or the worker that holds the lease
--   lease:<worker>  hash    id/attempt -> lease
--   job             hash    id/attempt -> lease \n payload, while queued
--   q:<c>:<function>    list  what waits, oldest first: accepted|limit|deadline|mb|versionId|trigger|id/attempt      c: s(ync) a(sync)
--   flow:<c>:<tenant>   zset  function by its start tag; holds exactly the functions that could start one
--   ready           zset    <c>:<tenant> by its start tag; holds exactly the flows of tenants not paused with such functions
--   due             zset    id/attempt by the time it expires in the queue
--   functions       hash    function -> see load_function
--   tenants         hash    tenant   -> see load_tenant
--   v:<versionId>   hash    r:<worker> resident riders, l:<worker> leased riders (neither: 0), n cpu wait run (moving averages, ms)
--   inbox:<worker>, replies:<gateway>, usage, poke    streams
--   nacked:<worker> string  epoch|number of the last nack it has said
--   idem:<function>:<hash>  hash, kept:<tenant>  zset    see answers.lua
--   paused          set     tenants that wait for a moment on this lane's clock
--   unheard         set     workers not heard of since Redis began anew (wake.lua)
--   data:<gateway>  string  where it takes data connections (contract/data.ts); no script looks at it
--   sum             hash    counters, gauges and their time integrals; the virtual time; the reservation
--   epoch           string  the last epoch given to a worker
--   reap            hash    at run grace: when reap last ran, on which run of Redis, and until when it only watches
--   run             string  Redis' run id, when the lane last looked (wake.lua)
--
-- head, the fields of a submission that scheduling and billing need, joined by '|':
--   1 id  2 attempt  3 function  4 version  5 versionId  6 bookedMb  7 gateway  8 deadlineMs  9 maxWaitMs
--   10 trigger  11 requestBytes  12 memoryMb  13 concurrency  14 idempotency hash ('' for none)
-- lease: head, then 15 shareMilli  16 acceptedMs  17 startedMs (0 while queued)  18 cost (fairness.lua)
local P = KEYS[1]
local call = redis.call
local floor, ceil, max, min, match = math.floor, math.ceil, math.max, math.min, string.match
local clock = call('TIME')
local now = clock[1] * 1000 + floor(clock[2] / 1000)
local now_text = string.format('%.0f', now)

-- A worker that has not beaten for this long gets nothing new; after REAP_MS it is dead (reap.lua).
local STALE_MS = 750

local function int(value) return string.format('%.0f', value) end
local function number(value) return value == floor(value) and int(value) or string.format('%.6f', value) end

-- Workers -------------------------------------------------------------------------------------------------------

local workers, changed_workers = nil, {}

local WORKER = '^(%d+)|(-?%d+)|(-?%d+)|(-?%d+)|(-?%d+)|(%a)|(%d+)$'
local function load_workers()
  if workers then return workers end
  workers = {}
  local flat = call('HGETALL', P .. 'cap')
  for i = 1, #flat, 2 do
    local epoch, capacity, mb, cpu, running, state, beat = match(flat[i + 1], WORKER)
    workers[flat[i]] = {
      id = flat[i], epoch = epoch, capacity = tonumber(capacity), mb = tonumber(mb), cpu = tonumber(cpu),
      running = tonumber(running), state = state, beat = tonumber(beat),
    }
  end
  return workers
end

-- The worker if it still is what it says it is; otherwise nil, and its caller must stop (fencing).
local function held_by(id, epoch)
  local worker = load_workers()[id]
  if worker and worker.epoch == epoch then return worker end
end

local function takes_work(worker) return worker.state == 'r' and now - worker.beat < STALE_MS end

-- Tenants, and their flows --------------------------------------------------------------------------------------

local tenants, changed_tenants = {}, {}

local TENANT = '^(%S+) (%S+) (%S*) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+)$'
-- rev weight movedTo pausedUntil mb cpu running kept bytes, then per flow: tag v queued work filed
-- kept: bytes of stored answers. bytes: of what waits. tag, v: fairness.lua. work: what waits, in ms of a whole worker. filed: its functions that could start one.
local function load_tenant(name)
  local t = tenants[name]
  if t then return t end
  local text = call('HGET', P .. 'tenants', name)
  local rev, weight, moved, paused, mb, cpu, running, kept, bytes, st, sv, sq, sw, sf, at, av, aq, aw, af =
    match(text or '-1 1  0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0', TENANT)
  t = {
    name = name, rev = tonumber(rev), weight = tonumber(weight), moved = moved, paused = tonumber(paused), mb = tonumber(mb), cpu = tonumber(cpu),
    running = tonumber(running), kept = tonumber(kept), bytes = tonumber(bytes),
    s = { key = 's:' .. name, class = 's', tag = tonumber(st), v = tonumber(sv), queued = tonumber(sq), work = tonumber(sw), filed = tonumber(sf) },
    a = { key = 'a:' .. name, class = 'a', tag = tonumber(at), v = tonumber(av), queued = tonumber(aq), work = tonumber(aw), filed = tonumber(af) },
  }
  t.s.tenant, t.a.tenant = t, t
  tenants[name] = t
  return t
end

-- Functions and versions ----------------------------------------------------------------------------------------

local functions, changed_functions = {}, {}

local FUNCTION = '^(%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+)$'
-- rev cap running struckAt boxedUntil (bury.lua), then per class: queued tag filed (1: in its flow's zset)
local function load_function(key)
  local f = functions[key]
  if f then return f end
  local rev, cap, running, struck, boxed, sq, st, sf, aq, at, af = match(call('HGET', P .. 'functions', key) or '-1 0 0 0 0 0 0 0 0 0 0', FUNCTION)
  f = {
    key = key, tenant = match(key, '^[^/]*'), rev = tonumber(rev), cap = tonumber(cap), running = tonumber(running),
    struck = tonumber(struck), boxed = tonumber(boxed),
    s = { queued = tonumber(sq), tag = tonumber(st), filed = sf == '1' }, a = { queued = tonumber(aq), tag = tonumber(at), filed = af == '1' },
  }
  functions[key] = f
  return f
end

local versions, changed_versions = {}, {}
-- This long after anybody last spoke of a version, its averages may go.
local VERSION_TTL_MS = 86400000

local function load_version(id)
  local v = versions[id]
  if v then return v end
  v = { id = id, resident = {}, leased = {}, n = 0, cpu = 0, wait = 0, run = 0, write = {} }
  local flat = call('HGETALL', P .. 'v:' .. id)
  for i = 1, #flat, 2 do
    local field, value = flat[i], tonumber(flat[i + 1])
    local kind, worker = string.sub(field, 1, 2), string.sub(field, 3)
    if kind ~= 'r:' and kind ~= 'l:' then v[field] = value
    elseif not load_workers()[worker] then v.write[field] = false
    elseif kind == 'r:' then v.resident[worker] = value
    else v.leased[worker] = value end
  end
  versions[id] = v
  return v
end

local function set_leased(v, worker, count)
  v.leased[worker] = count
  v.write['l:' .. worker] = count > 0 and count
  changed_versions[v.id] = v
end

-- What a worker says it keeps warm: 'versionId=riders,...'. Absolute numbers; only a hint.
local function hear_resident(worker, report)
  for id, riders in string.gmatch(report, '(%x+)=(%d+)') do
    local v = load_version(id)
    v.resident[worker.id] = tonumber(riders)
    v.write['r:' .. worker.id] = riders ~= '0' and riders
    changed_versions[id] = v
  end
end

-- Sums: gauges with their integrals, so that the controller never samples ----------------------------------------

-- v: virtual time (fairness.lua). soleSince, syncAt: since when the lane has had one tenant only; when it last had a sync call.
-- starting, startingAt: workers the controller is bringing up, and when it said so. heldUntil: wake.lua.
-- sole, reserved: that tenant; see placing.lua.
local SUMS = {
  'at', 'poked', 'v', 'ties', 'soleSince', 'syncAt', 'starting', 'startingAt', 'heldUntil', 'queued', 'queuedMb', 'queuedCpu', 'queuedBytes', 'queuedWork',
  'inFlight', 'inFlightMb', 'inFlightCpu', 'asyncMb', 'asyncCpu', 'backlogWeight', 'arrivals', 'refused', 'settled', 'runMs', 'cpuMs', 'queuedMs',
  'inFlightMs', 'inFlightMbMs', 'inFlightCpuMs', 'sole', 'reserved',
}
local NUMBERS = 29
local sum, sum_before = {}, call('HMGET', P .. 'sum', unpack(SUMS))
for i = 1, NUMBERS do
  local value = tonumber(sum_before[i]) or 0
  sum_before[i], sum[SUMS[i]] = value, value
end
for i = NUMBERS + 1, #SUMS do
  local value = sum_before[i] or ''
  sum_before[i], sum[SUMS[i]] = value, value
end
-- What stood until now has stood since the last script.
if sum.at > 0 then
  local since = max(0, now - sum.at)
  sum.queuedMs, sum.inFlightMs = sum.queuedMs + since * sum.queued, sum.inFlightMs + since * sum.inFlight
  sum.inFlightMbMs, sum.inFlightCpuMs = sum.inFlightMbMs + since * sum.inFlightMb, sum.inFlightCpuMs + since * sum.inFlightCpu
end
sum.at = now

-- Batched writes --------------------------------------------------------------------------------------------------

local hashes = {}         -- per hash key: field -> value, or false to take it out; the last word on a field counts
local out = {}            -- per stream key: flat field/value list
local records = {}        -- usage records, JSON

local function write(key, field, value)
  local hash = hashes[key]
  if not hash then hash = {}; hashes[key] = hash end
  hash[field] = value
end

local function push(lists, key, a, b)
  local list = lists[key]
  if not list then list = {}; lists[key] = list end
  list[#list + 1] = a
  if b ~= nil then list[#list + 1] = b end
end

local function chunked(list, width, use)
  for from = 1, #list, width do use(unpack(list, from, min(from + width - 1, #list))) end
end

local function pack_flow(flow)
  return number(flow.tag) .. ' ' .. number(flow.v) .. ' ' .. int(flow.queued) .. ' ' .. number(flow.work) .. ' ' .. int(flow.filed)
end

local function pack_line(line) return int(line.queued) .. ' ' .. number(line.tag) .. (line.filed and ' 1' or ' 0') end

local function poke()
  if now - sum.poked < 20 then return end
  sum.poked = now
  call('XADD', P .. 'poke', 'MAXLEN', 1, '*', 'at', int(now))
end

local function commit()
  for id, w in pairs(changed_workers) do
    write(P .. 'cap', id, w.epoch .. '|' .. int(w.capacity) .. '|' .. int(w.mb) .. '|' .. int(w.cpu) .. '|' .. int(w.running) .. '|' .. w.state .. '|' .. int(w.beat))
  end
  for key, f in pairs(changed_functions) do
    write(P .. 'functions', key, int(f.rev) .. ' ' .. int(f.cap) .. ' ' .. int(f.running) .. ' ' .. int(f.struck) .. ' ' .. int(f.boxed) .. ' ' .. pack_line(f.s) .. ' ' .. pack_line(f.a))
  end
  for name, t in pairs(changed_tenants) do
    write(P .. 'tenants', name, int(t.rev) .. ' ' .. number(t.weight) .. ' ' .. t.moved .. ' ' .. int(t.paused) .. ' ' .. int(t.mb) .. ' ' .. int(t.cpu) .. ' ' .. int(t.running) .. ' ' .. int(t.kept) .. ' ' .. int(t.bytes) .. ' ' .. pack_flow(t.s) .. ' ' .. pack_flow(t.a))
  end
  for id, v in pairs(changed_versions) do
    hashes[P .. 'v:' .. id] = v.write
  end
  for key, fields in pairs(hashes) do
    local flat, gone = {}, {}
    for field, value in pairs(fields) do
      if value then flat[#flat + 1] = field; flat[#flat + 1] = value else gone[#gone + 1] = field end
    end
    chunked(gone, 1000, function(...) call('HDEL', key, ...) end)
    chunked(flat, 1000, function(...) call('HSET', key, ...) end)
  end
  for id in pairs(changed_versions) do call('PEXPIRE', P .. 'v:' .. id, VERSION_TTL_MS) end
  -- NOMKSTREAM: a gateway or worker that has gone has no stream any more, and nobody would ever read a new one.
  for key, list in pairs(out) do chunked(list, 1000, function(...) call('XADD', key, 'NOMKSTREAM', '*', ...) end) end
  if #records > 0 then
    local flat = {}
    for _, record in ipairs(records) do flat[#flat + 1] = 'r'; flat[#flat + 1] = record end
    chunked(flat, 1000, function(...) call('XADD', P .. 'usage', '*', ...) end)
  end
  local flat = {}
  for i = 1, #SUMS do
    local name = SUMS[i]
    local value = sum[name]
    if value ~= sum_before[i] then flat[#flat + 1] = name; flat[#flat + 1] = i <= NUMBERS and number(value) or value end
  end
  if #flat > 0 then call('HSET', P .. 'sum', unpack(flat)) end
end

-- One match, because it runs for every item of every batch: splitting field by field took a third of a script's time.
local HEAD = '^([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)|?([^|]*)|?([^|]*)|?([^|]*)|?([^|]*)$'
local function head_of(text)
  local id, attempt, fn, version, version_id, mb, gateway, deadline, max_wait, trigger, request_bytes, memory, concurrency, idem, share, accepted, started, cost =
    match(text, HEAD)
  return {
    text = text, id = id, attempt = attempt, key = id .. '/' .. attempt, fn = fn, version = version, version_id = version_id, mb = tonumber(mb),
    gateway = gateway, deadline = tonumber(deadline), max_wait = tonumber(max_wait), trigger = trigger, request_bytes = tonumber(request_bytes),
    memory = tonumber(memory), concurrency = tonumber(concurrency), idem = idem, class = (trigger == 'async' or trigger == 'schedule') and 'a' or 's',
    share = tonumber(share), accepted = tonumber(accepted), started = tonumber(started), cost = tonumber(cost),
  }
end

-- A lease's head as it was submitted.
local function head_text(lease) return match(lease.text, '^' .. string.rep('[^|]*|', 13) .. '[^|]*') end
