-- Who is next. Start-time fair queueing (Goyal, Vin, Cheng 1996) in two levels: between flows, one of each tenant and
-- class, and inside a flow between its functions. What runs is charged to the start tag of its flow and its function:
-- milliseconds of a whole worker (the larger of its shares of memory and CPU), divided by the flow's weight. The least
-- tag goes first. What it was expected to take is charged when it starts, and put right when it ends.
--
-- The virtual time `v` is the tag of what started last. Who comes back after a pause begins there, not at the tag he
-- left with: nobody saves up a claim by being idle. Who is ahead of it stays ahead.

-- What a version is assumed to take of a core, and how long, until it has been seen to run.
local PRIOR_SHARE, PRIOR_RUN_MS = 250, 50
local LEAST_SHARE = 5
-- A tenth of each core is for what hardly uses it: the kernel lets that in between, whoever burns beside it.
local MOST_SHARE = 900
-- Shorter runs than this do not count as CPU-bound: nine in ten of them fit between two ticks of anything.
local SHARE_FLOOR_MS = 10
local LEAST_WEIGHT = 0.05
local ASYNC_WEIGHT = 0.25
-- So much of the lane one tenant may hold, and all asynchronous work together: short waits for everybody else.
local MOST_OF_LANE = 0.75
-- This long after the last that others might have wanted the rest, it may be taken too.
local ALONE_MS = 600000

-- Milli-cores one rider takes. Divided by time on a core plus time waiting for the host, never by run time:
-- contention inflates that, and would make a crowded CPU-bound function look light.
local function share_of(v)
  if v.n == 0 then return PRIOR_SHARE end
  return min(MOST_SHARE, max(LEAST_SHARE, ceil(1000 * v.cpu / max(v.cpu + v.wait, SHARE_FLOOR_MS))))
end

-- What this call books of it. A function called by another runs on its caller's share, who waits for it meanwhile: if it
-- needed one of its own, callers that hold all there is would wait for ever for what they called.
local function share_for(trigger, v)
  return trigger == 'invoke' and 0 or share_of(v)
end

local function expected_ms(v) return v.n == 0 and PRIOR_RUN_MS or max(v.run, 1) end

-- run: how long its capacity was booked, on this clock. cpu, wait: as its worker has measured them.
local function observe(v, cpu, wait, run)
  local weight = max(1 / (v.n + 1), LEAST_WEIGHT)
  v.n = min(v.n + 1, 1000)
  v.write.n = v.n
  v.write.cpu, v.write.wait = string.format('%.3f', v.cpu + weight * (cpu - v.cpu)), string.format('%.3f', v.wait + weight * (wait - v.wait))
  v.write.run = string.format('%.3f', v.run + weight * (run - v.run))
  -- As it is kept: a share must not depend on whether this call or the next works it out.
  v.cpu, v.wait, v.run = tonumber(v.write.cpu), tonumber(v.write.wait), tonumber(v.write.run)
  changed_versions[v.id] = v
end

local lane_mb, lane_cpu, lane_workers
-- What all workers that take work offer together.
local function measure_lane()
  if lane_mb then return end
  lane_mb, lane_cpu, lane_workers = 0, 0, 0
  for _, w in pairs(load_workers()) do
    if takes_work(w) then lane_mb, lane_cpu, lane_workers = lane_mb + w.capacity, lane_cpu + 1000, lane_workers + 1 end
  end
end

local USUAL_WORKER_MB = 4096
-- The part of a worker that this takes: the larger of memory and CPU.
local function dominant(mb, share)
  measure_lane()
  local worker_mb = lane_workers > 0 and lane_mb > 0 and lane_mb / lane_workers or USUAL_WORKER_MB
  return max(mb / worker_mb, share / 1000, 0.001)
end

-- Nothing waits that could start: who comes now overtakes nobody.
local ready_empty
local function nothing_ready()
  if ready_empty == nil then ready_empty = call('EXISTS', P .. 'ready') == 0 end
  return ready_empty
end

local function make_ready(flow)
  ready_empty = false
  call('ZADD', P .. 'ready', number(flow.tag), flow.key)
end

local function weight_of(flow) return flow.tenant.weight * (flow.class == 'a' and ASYNC_WEIGHT or 1) end

-- A little more for each that enters: whoever came first goes first among equals.
local function tie()
  sum.ties = (sum.ties + 1) % 100000
  return sum.ties / 1000000
end

local function could_start(f, class) return f[class].queued > 0 and f.running < f.cap end

-- Puts a function and its flow where the invariant wants them: filed if and only if they could start one.
local function file(f, class)
  local line, tenant = f[class], load_tenant(f.tenant)
  local flow = tenant[class]
  local could = could_start(f, class)
  if could == line.filed then return end
  line.filed = could
  changed_functions[f.key], changed_tenants[tenant.name] = f, tenant
  if could then
    line.tag = max(line.tag, flow.v) + tie()
    call('ZADD', P .. 'flow:' .. flow.key, number(line.tag), f.key)
    flow.filed = flow.filed + 1
    if flow.filed == 1 and tenant.paused <= now then
      flow.tag = max(flow.tag, sum.v) + tie()
      make_ready(flow)
    end
  else
    call('ZREM', P .. 'flow:' .. flow.key, f.key)
    flow.filed = flow.filed - 1
    if flow.filed == 0 then call('ZREM', P .. 'ready', flow.key) end
  end
end

local function file_both(f)
  if f.s.queued > 0 or f.s.filed then file(f, 's') end
  if f.a.queued > 0 or f.a.filed then file(f, 'a') end
end

-- Everything this verb has touched; by name, so that what a verb does follows from what it was told.
local function file_all()
  local keys = {}
  for key, f in pairs(functions) do
    if could_start(f, 's') ~= f.s.filed or could_start(f, 'a') ~= f.a.filed then keys[#keys + 1] = key end
  end
  table.sort(keys)
  for _, key in ipairs(keys) do file_both(functions[key]) end
end

local function move_tags(f, class, by)
  local tenant = load_tenant(f.tenant)
  local flow, line = tenant[class], f[class]
  by = by / weight_of(flow)
  flow.tag, line.tag = max(0, flow.tag + by), max(0, line.tag + by)
  changed_tenants[tenant.name], changed_functions[f.key] = tenant, f
  if line.filed then call('ZADD', P .. 'flow:' .. flow.key, number(line.tag), f.key) end
  if flow.filed > 0 and tenant.paused <= now then make_ready(flow) end
end

-- Something of this function starts.
local function charge(f, class, cost)
  local flow, line = load_tenant(f.tenant)[class], f[class]
  if flow.filed == 0 then flow.tag = max(flow.tag, sum.v) end
  if not line.filed then line.tag = max(line.tag, flow.v) end
  sum.v, flow.v = max(sum.v, flow.tag), max(flow.v, line.tag)
  move_tags(f, class, cost)
end

-- Whether the lane may give so much to this tenant and class, with room left for the others.
local function may_take(tenant, class, trigger)
  -- Its caller holds capacity and waits for it.
  if trigger == 'invoke' then return true end
  measure_lane()
  local most_mb, most_cpu = MOST_OF_LANE * lane_mb, MOST_OF_LANE * lane_cpu
  -- By what it holds, not by what this adds: of two workers that burn for it, neither shall stand idle.
  if (tenant.mb >= most_mb or tenant.cpu >= most_cpu) and not (sum.sole == tenant.name and now - sum.soleSince >= ALONE_MS) then
    return false
  end
  if class == 's' then return true end
  return now - sum.syncAt >= ALONE_MS or (sum.asyncMb < most_mb and sum.asyncCpu < most_cpu)
end

-- Who asks, as far as others have to be left something.
local function note_arrival(tenant, class)
  if sum.sole ~= tenant.name then sum.soleSince = sum.sole == '' and 0 or now; sum.sole = tenant.name end
  if class == 's' then sum.syncAt = now end
end
