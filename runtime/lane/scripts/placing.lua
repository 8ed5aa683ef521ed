-- Where it runs, and what that takes.

-- A head that others were passed over for, or that must not be: `worker|id/attempt|until`. That worker takes nothing else.
-- Not for one that has waited longer than a synchronous call may: a head that never fits must not keep a worker from the others.
local RESERVE_AFTER_MS, RESERVE_UNTIL_MS, RESERVED_MS = 100, 30000, 1000
local reserved_worker, reserved_key
do
  local worker, key, until_ms = match(sum.reserved, '^(.-)|(.-)|(%d+)$')
  if worker and tonumber(until_ms) > now then reserved_worker, reserved_key = worker, key end
end

local function unreserve()
  reserved_worker, reserved_key, sum.reserved = nil, nil, ''
end

-- The worker that should run this, and whether it is warm there: it must have memory and CPU share free, an idle one takes
-- anything it can hold; among those, one with an idle warm sandbox, then the one with most CPU to spare.
local function choose(mb, share, v, key)
  if sum.heldUntil > now then return end
  local best, best_warm
  for id, w in pairs(load_workers()) do
    if takes_work(w) and w.mb >= mb and (w.cpu >= share or w.running == 0) and (id ~= reserved_worker or key == reserved_key) then
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
  return best, best_warm
end

-- For a head that was passed over: the worker that can hold it and has most free.
local function reserve(mb, key)
  local best
  for _, w in pairs(load_workers()) do
    if takes_work(w) and w.capacity >= mb and (not best or w.running < best.running or (w.running == best.running and w.id < best.id)) then best = w end
  end
  if not best then return end
  reserved_worker, reserved_key = best.id, key
  sum.reserved = best.id .. '|' .. key .. '|' .. int(now + RESERVED_MS)
end

-- By key, what this verb has handed out.
local taken = {}

local function book(worker, head, share, sign)
  local f, v = load_function(head.fn), load_version(head.version_id)
  local tenant = load_tenant(f.tenant)
  local mb, cpu = sign * head.mb, sign * share
  if worker then
    worker.mb, worker.cpu, worker.running = worker.mb - mb, worker.cpu - cpu, max(0, worker.running + sign)
    changed_workers[worker.id] = worker
  end
  f.running = max(0, f.running + sign)
  changed_functions[f.key] = f
  tenant.mb, tenant.cpu, tenant.running = max(0, tenant.mb + mb), max(0, tenant.cpu + cpu), max(0, tenant.running + sign)
  changed_tenants[tenant.name] = tenant
  if head.class == 'a' then sum.asyncMb, sum.asyncCpu = sum.asyncMb + mb, sum.asyncCpu + cpu end
  sum.inFlight, sum.inFlightMb, sum.inFlightCpu = sum.inFlight + sign, sum.inFlightMb + mb, sum.inFlightCpu + cpu
  return f, v
end

-- A lease: this worker runs it. `payload`: nil when it has it already.
local function take(worker, head, share, accepted, payload)
  local f, v = book(worker, head, share, 1)
  local cost = expected_ms(v) * dominant(head.mb, share)
  charge(f, head.class, cost)
  set_leased(v, worker.id, (v.leased[worker.id] or 0) + 1)
  local accepted_text = int(accepted)
  local lease = head.text .. '|' .. share .. '|' .. accepted_text .. '|' .. now_text .. '|' .. number(cost)
  taken[head.key] = true
  write(P .. 'inv', head.key, worker.id)
  write(P .. 'lease:' .. worker.id, head.key, lease)
  if payload then
    push(out, P .. 'inbox:' .. worker.id, int(accepted + head.deadline - now) .. (f.boxed > now and '|boxed|' or '||') .. lease, payload)
  end
end

-- Ends a lease: capacity, function slot and warm hint come back. The worker may be gone already.
local function release(worker_id, lease)
  local f, v = book(load_workers()[worker_id], lease, lease.share, -1)
  set_leased(v, worker_id, max(0, (v.leased[worker_id] or 0) - 1))
  write(P .. 'inv', lease.key, false)
  write(P .. 'lease:' .. worker_id, lease.key, false)
  return f, v
end
