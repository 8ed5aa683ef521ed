-- The part every verb shares. It is put in front of each verb's own file.
--
-- A verb loads what it needs into Lua tables, decides there, and writes each key once at the end (`commit`):
-- cost per request falls with the size of the batch.
--
-- KEYS[1]  '{lane}:', the prefix of every key below
--   cap            hash    worker     -> epoch|capacityMb|freeMb|freeCpuMilli|running|state|beatMs   state: r(eady) d(raining)
--   info           hash    worker     -> JSON for people (pid, walls, cells ...)
--   inv            hash    id/attempt -> 'q', or the worker that holds the lease
--   lease:<worker> hash    id/attempt -> head|shareMilli|acceptedMs|startedMs
--   job            hash    id/attempt -> head \n acceptedMs \n payload, while queued
--   q:<function>   list    acceptedMs|id/attempt
--   ready          zset    function   by acceptedMs of its first queued job; holds exactly the functions that could start one
--   due            zset    id/attempt by the time it expires in the queue
--   f:<function>   hash    rev cap running queued
--   v:<versionId>  hash    r:<worker> resident riders, l:<worker> leased riders (neither: 0), n cpu wait (moving averages, ms)
--   inbox:<worker>, replies:<gateway>, usage, poke    streams
--   data:<gateway> string     where it takes data connections (contract/data.ts); no script looks at it
--   sum            hash    counters, gauges and their time integrals
--   epoch          string  the last epoch given to a worker
--   reap           hash    at run grace: when reap last ran, on which run of Redis, and until when it only watches
--
-- head, the fields of a submission that scheduling and billing need, joined by '|':
--   1 id  2 attempt  3 function  4 version  5 versionId  6 bookedMb  7 gateway  8 deadlineMs  9 maxWaitMs
--   10 trigger  11 requestBytes  12 memoryMb  13 concurrency
local P = KEYS[1]
local call = redis.call
local floor, ceil, max, min = math.floor, math.ceil, math.max, math.min
local clock = call('TIME')
local now = clock[1] * 1000 + floor(clock[2] / 1000)
local now_text = string.format('%.0f', now)

-- A worker that has not beaten for this long gets nothing new; after REAP_MS it is dead (reap.lua).
local STALE_MS = 750
-- What a version is assumed to take of a core until it has been seen to run.
local PRIOR_SHARE = 250
local LEAST_SHARE = 5
-- A tenth of each core is for what hardly uses it: the kernel lets that in between, whoever burns beside it.
local MOST_SHARE = 900
-- Shorter runs than this do not count as CPU-bound: nine in ten of them fit between two ticks of anything.
local SHARE_FLOOR_MS = 10
local LEAST_WEIGHT = 0.05

local function int(value) return string.format('%.0f', value) end
local function number(value) return value == floor(value) and int(value) or string.format('%.3f', value) end

-- Workers -------------------------------------------------------------------------------------------------------

local workers, changed_workers = nil, {}

local WORKER = '^(%d+)|(-?%d+)|(-?%d+)|(-?%d+)|(-?%d+)|(%a)|(%d+)$'
local function load_workers()
  if workers then return workers end
  workers = {}
  local flat = call('HGETALL', P .. 'cap')
  for i = 1, #flat, 2 do
    local epoch, capacity, mb, cpu, running, state, beat = string.match(flat[i + 1], WORKER)
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

-- Functions and versions ----------------------------------------------------------------------------------------

local functions, changed_functions = {}, {}

local function load_function(key)
  local f = functions[key]
  if f then return f end
  local v = call('HMGET', P .. 'f:' .. key, 'rev', 'cap', 'running', 'queued')
  f = { key = key, rev = tonumber(v[1] or -1), cap = tonumber(v[2] or 0), running = tonumber(v[3] or 0), queued = tonumber(v[4] or 0) }
  functions[key] = f
  return f
end

local versions, changed_versions = {}, {}
-- This long after anybody last spoke of a version, its averages may go.
local VERSION_TTL_MS = 86400000

local function load_version(id)
  local v = versions[id]
  if v then return v end
  v = { id = id, resident = {}, leased = {}, n = 0, cpu = 0, wait = 0, write = {} }
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

-- Milli-cores one rider takes. Divided by time on a core plus time waiting for the host, never by run time:
-- contention inflates that, and would make a crowded CPU-bound function look light.
local function share_of(v)
  if v.n == 0 then return PRIOR_SHARE end
  return min(MOST_SHARE, max(LEAST_SHARE, ceil(1000 * v.cpu / max(v.cpu + v.wait, SHARE_FLOOR_MS))))
end

-- What this call books of it. A function called by another runs on its caller's share, who waits for it meanwhile: if it
-- needed one of its own, callers that hold all there is would wait for ever for what they called.
local function share_for(head, v)
  return head.trigger == 'invoke' and 0 or share_of(v)
end

local function observe(v, cpu, wait)
  local weight = max(1 / (v.n + 1), LEAST_WEIGHT)
  v.n = min(v.n + 1, 1000)
  v.write.n = v.n
  v.write.cpu, v.write.wait = string.format('%.3f', v.cpu + weight * (cpu - v.cpu)), string.format('%.3f', v.wait + weight * (wait - v.wait))
  -- As it is kept: a share must not depend on whether this call or the next works it out.
  v.cpu, v.wait = tonumber(v.write.cpu), tonumber(v.write.wait)
  changed_versions[v.id] = v
end

-- Sums: gauges with their integrals, so that the controller never samples ----------------------------------------

local GAUGES = { 'queued', 'queuedMb', 'queuedCpu', 'queuedBytes', 'inFlight', 'inFlightMb', 'inFlightCpu' }
local INTEGRALS = { queued = 'queuedMs', inFlight = 'inFlightMs', inFlightMb = 'inFlightMbMs', inFlightCpu = 'inFlightCpuMs' }
local COUNTERS = { 'arrivals', 'refused', 'settled', 'runMs', 'cpuMs' }
local SUMS = { 'at', 'poked' }
for _, name in ipairs(GAUGES) do SUMS[#SUMS + 1] = name end
for _, name in ipairs(COUNTERS) do SUMS[#SUMS + 1] = name end
for _, name in pairs(INTEGRALS) do SUMS[#SUMS + 1] = name end
local sum, sum_before = {}, {}
for i, value in ipairs(call('HMGET', P .. 'sum', unpack(SUMS))) do
  local before = tonumber(value or 0)
  sum[SUMS[i]], sum_before[SUMS[i]] = before, before
end
-- What stood until now has stood since the last script.
if sum.at > 0 then
  for gauge, integral in pairs(INTEGRALS) do sum[integral] = sum[integral] + sum[gauge] * max(0, now - sum.at) end
end
sum.at = now

-- Batched writes --------------------------------------------------------------------------------------------------

local put, del = {}, {}   -- per hash key: flat field/value list; field list
local out = {}            -- per stream key: flat field/value list
local records = {}        -- usage records, JSON

local function push(lists, key, a, b)
  local list = lists[key]
  if not list then list = {}; lists[key] = list end
  list[#list + 1] = a
  if b ~= nil then list[#list + 1] = b end
end

local function chunked(list, width, use)
  for from = 1, #list, width do use(unpack(list, from, min(from + width - 1, #list))) end
end

-- Taking and giving back --------------------------------------------------------------------------------------------

-- One match, because it runs for every item of every batch: splitting field by field took a third of a script's time.
local HEAD = '^([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)|?([^|]*)|?([^|]*)|?([^|]*)$'
local function head_of(text)
  local id, attempt, fn, version, version_id, mb, gateway, deadline, max_wait, trigger, request_bytes, memory, concurrency, share, accepted, started =
    string.match(text, HEAD)
  return {
    text = text, id = id, attempt = attempt, key = id .. '/' .. attempt, fn = fn, version = version, version_id = version_id, mb = tonumber(mb),
    gateway = gateway, deadline = tonumber(deadline), max_wait = tonumber(max_wait), trigger = trigger, request_bytes = tonumber(request_bytes),
    memory = tonumber(memory), concurrency = tonumber(concurrency), share = tonumber(share), accepted = tonumber(accepted), started = tonumber(started),
  }
end

-- The worker that should run this: it must have memory and CPU share free, an idle one takes anything it can hold;
-- among those, one with an idle warm sandbox, then the one with most CPU to spare.
local function choose(mb, share, v)
  local best, best_warm
  for id, w in pairs(load_workers()) do
    if w.state == 'r' and now - w.beat < STALE_MS and w.mb >= mb and (w.cpu >= share or w.running == 0) then
      local warm = (v.resident[id] or 0) > (v.leased[id] or 0)
      local better = not best
      if best then
        if warm ~= best_warm then better = warm
        elseif w.cpu ~= best.cpu then better = w.cpu > best.cpu
        else better = id < best.id end
      end
      if better then best, best_warm = w, warm end
    end
  end
  return best
end

local function take(worker, head, share, accepted, payload)
  local f, v = load_function(head.fn), load_version(head.version_id)
  worker.mb, worker.cpu, worker.running = worker.mb - head.mb, worker.cpu - share, worker.running + 1
  changed_workers[worker.id] = worker
  f.running = f.running + 1
  changed_functions[f.key] = f
  set_leased(v, worker.id, (v.leased[worker.id] or 0) + 1)
  sum.inFlight, sum.inFlightMb, sum.inFlightCpu = sum.inFlight + 1, sum.inFlightMb + head.mb, sum.inFlightCpu + share
  local accepted_text = int(accepted)
  push(put, P .. 'inv', head.key, worker.id)
  push(put, P .. 'lease:' .. worker.id, head.key, head.text .. '|' .. share .. '|' .. accepted_text .. '|' .. now_text)
  push(out, P .. 'inbox:' .. worker.id, head.key .. '|' .. accepted_text .. '|' .. now_text .. '|' .. int(accepted + head.deadline - now) .. '|' .. head.fn .. '|' .. head.version .. '|' .. head.trigger .. '|' .. head.memory .. '|' .. head.concurrency, payload)
end

-- Ends a lease: capacity, function slot and warm hint come back. The worker may be gone already.
local function release(worker_id, lease)
  local worker, f, v = load_workers()[worker_id], load_function(lease.fn), load_version(lease.version_id)
  if worker then
    worker.mb, worker.cpu, worker.running = worker.mb + lease.mb, worker.cpu + lease.share, max(0, worker.running - 1)
    changed_workers[worker_id] = worker
  end
  f.running = max(0, f.running - 1)
  changed_functions[f.key] = f
  set_leased(v, worker_id, max(0, (v.leased[worker_id] or 0) - 1))
  sum.inFlight, sum.inFlightMb, sum.inFlightCpu = sum.inFlight - 1, sum.inFlightMb - lease.mb, sum.inFlightCpu - lease.share
  push(del, P .. 'inv', lease.key)
  push(del, P .. 'lease:' .. worker_id, lease.key)
end

local function enqueue(head, share, payload)
  local f = load_function(head.fn)
  call('RPUSH', P .. 'q:' .. f.key, int(now) .. '|' .. head.key)
  if f.queued == 0 and f.running < f.cap then call('ZADD', P .. 'ready', int(now), f.key) end
  f.queued = f.queued + 1
  changed_functions[f.key] = f
  call('HSET', P .. 'job', head.key, head.text .. '|' .. share .. '\n' .. int(now) .. '\n' .. payload)
  call('ZADD', P .. 'due', int(now + min(head.max_wait, head.deadline)), head.key)
  push(put, P .. 'inv', head.key, 'q')
  sum.queued, sum.queuedMb, sum.queuedCpu, sum.queuedBytes = sum.queued + 1, sum.queuedMb + head.mb, sum.queuedCpu + share, sum.queuedBytes + #payload
end

local function read_job(key)
  local job = call('HGET', P .. 'job', key)
  if not job then return nil end
  local first = string.find(job, '\n', 1, true)
  local second = string.find(job, '\n', first + 1, true)
  return head_of(string.sub(job, 1, first - 1)), tonumber(string.sub(job, first + 1, second - 1)), string.sub(job, second + 1)
end

-- Takes a queued job out of everything but its function's list (whoever pops that list skips what has no job).
local function unqueue(head, payload)
  call('HDEL', P .. 'job', head.key)
  call('ZREM', P .. 'due', head.key)
  local f = load_function(head.fn)
  f.queued = max(0, f.queued - 1)
  changed_functions[f.key] = f
  sum.queued, sum.queuedMb, sum.queuedCpu, sum.queuedBytes = sum.queued - 1, sum.queuedMb - head.mb, sum.queuedCpu - head.share, sum.queuedBytes - #payload
end

-- Verdicts the lane gives itself: nobody ran it to the end, so the record and the reply are written here.
local function verdict(head, accepted, started, worker_id, outcome, reply)
  local tenant, name = string.match(head.fn, '^(.-)/(.*)$')
  records[#records + 1] = cjson.encode({
    id = head.id, attempt = tonumber(head.attempt), tenant = tenant, ['function'] = name, version = tonumber(head.version), trigger = head.trigger,
    acceptedAt = accepted, startedAt = started, queueMs = (started > 0 and started or now) - accepted, initMs = 0, runMs = 0, stallMs = 0, cpuMs = 0,
    billedMs = 0, memoryMb = head.memory, concurrency = head.concurrency, heapMb = 0, requestBytes = head.request_bytes, responseBytes = 0,
    egressBytes = 0, subrequests = 0, start = 'none', outcome = outcome, worker = worker_id,
  })
  push(out, P .. 'replies:' .. head.gateway, 'v:' .. head.key, cjson.encode(reply))
  sum.settled = sum.settled + 1
end

-- Puts a function where the invariant wants it: in `ready` if and only if it has work it may start.
local function file_ready(f)
  local first = f.queued > 0 and f.running < f.cap and call('LINDEX', P .. 'q:' .. f.key, 0)
  if first then call('ZADD', P .. 'ready', string.match(first, '^%d+'), f.key) else call('ZREM', P .. 'ready', f.key) end
end

-- Starts the first job of one function if a worker can hold it. true: something left the queue.
local function start_first(f)
  local list = P .. 'q:' .. f.key
  local first = call('LINDEX', list, 0)
  if not first then f.queued = 0; changed_functions[f.key] = f; return false end
  local head, accepted, payload = read_job(string.match(first, '|(.*)$'))
  if not head then call('LPOP', list); return true end
  if now - accepted >= min(head.max_wait, head.deadline) then
    call('LPOP', list)
    unqueue(head, payload)
    push(del, P .. 'inv', head.key)
    verdict(head, accepted, 0, '', 'expired', { kind = 'expired' })
    return true
  end
  -- Of now, not of when it was queued: it may have waited while its version became known.
  local v = load_version(head.version_id)
  local share = share_for(head, v)
  local worker = choose(head.mb, share, v)
  if not worker then return false end
  call('LPOP', list)
  unqueue(head, payload)
  head.text = string.match(head.text, '^(.*)|%d+$')
  take(worker, head, share, accepted, payload)
  return true
end

-- Hands queued work to free capacity, oldest first; looks past a few heads that do not fit.
local function claim(limit)
  if sum.queued <= 0 then return end
  local done = 0
  while done < limit do
    local moved = false
    for _, key in ipairs(call('ZRANGE', P .. 'ready', 0, 7)) do
      local f = load_function(key)
      if f.running < f.cap and start_first(f) then moved = true end
      file_ready(f)
      if moved then break end
    end
    if not moved then return end
    done = done + 1
  end
end

local function poke()
  if now - sum.poked < 20 then return end
  sum.poked = now
  call('XADD', P .. 'poke', 'MAXLEN', 1, '*', 'at', int(now))
end

local function commit()
  for id, w in pairs(changed_workers) do
    push(put, P .. 'cap', id, w.epoch .. '|' .. int(w.capacity) .. '|' .. int(w.mb) .. '|' .. int(w.cpu) .. '|' .. int(w.running) .. '|' .. w.state .. '|' .. int(w.beat))
  end
  for key, f in pairs(changed_functions) do call('HSET', P .. 'f:' .. key, 'rev', f.rev, 'cap', f.cap, 'running', f.running, 'queued', f.queued) end
  for id, v in pairs(changed_versions) do
    local flat, gone = {}, {}
    for field, value in pairs(v.write) do
      if value then flat[#flat + 1] = field; flat[#flat + 1] = value else gone[#gone + 1] = field end
    end
    chunked(gone, 1000, function(...) call('HDEL', P .. 'v:' .. id, ...) end)
    chunked(flat, 1000, function(...) call('HSET', P .. 'v:' .. id, ...) end)
    call('PEXPIRE', P .. 'v:' .. id, VERSION_TTL_MS)
  end
  for key, list in pairs(del) do chunked(list, 1000, function(...) call('HDEL', key, ...) end) end
  for key, list in pairs(put) do chunked(list, 1000, function(...) call('HSET', key, ...) end) end
  -- NOMKSTREAM: a gateway or worker that has gone has no stream any more, and nobody would ever read a new one.
  for key, list in pairs(out) do chunked(list, 1000, function(...) call('XADD', key, 'NOMKSTREAM', '*', ...) end) end
  if #records > 0 then
    local flat = {}
    for _, record in ipairs(records) do flat[#flat + 1] = 'r'; flat[#flat + 1] = record end
    chunked(flat, 1000, function(...) call('XADD', P .. 'usage', '*', ...) end)
  end
  local flat = {}
  for _, name in ipairs(SUMS) do
    if sum[name] ~= sum_before[name] then flat[#flat + 1] = name; flat[#flat + 1] = number(sum[name]) end
  end
  if #flat > 0 then call('HSET', P .. 'sum', unpack(flat)) end
end
