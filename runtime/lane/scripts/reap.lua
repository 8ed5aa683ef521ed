-- reap: find workers that have stopped beating and queued work that has waited too long. Anyone may run it.
--
-- After a gap of its own (Redis paused, restarted, or nobody ran it) it only sets a grace period: the beats it would
-- judge by are as old as the gap, and the fleet is probably fine.
-- Returns { leases lost, invocations expired, 1 when in grace }
local REAP_MS, GAP_MS, GRACE_MS, AT_ONCE = 2000, 1000, 2000, 100
local run = match(call('INFO', 'server'), 'run_id:(%x+)') or ''
local before = call('HMGET', P .. 'reap', 'at', 'run', 'grace')
local grace = tonumber(before[3] or 0)
if not before[1] or now - tonumber(before[1]) > GAP_MS or before[2] ~= run then grace = now + GRACE_MS end
call('HSET', P .. 'reap', 'at', int(now), 'run', run, 'grace', int(grace))

local lost, expired = 0, 0
if now >= grace then
  local dead = {}
  for id, worker in pairs(load_workers()) do
    if now - worker.beat > REAP_MS then dead[#dead + 1] = id end
  end
  table.sort(dead)
  for _, id in ipairs(dead) do
    if lost < AT_ONCE then
      lost = lost + bury(workers[id], 'the worker that ran it died', AT_ONCE, true)
      hear_from(id)
    end
  end
end
for _, key in ipairs(call('ZRANGEBYSCORE', P .. 'due', '-inf', int(now), 'LIMIT', 0, AT_ONCE)) do
  local head, payload = read_job(key)
  if head then
    remove(head, payload)
    verdict(head, head.accepted, 0, '', 'expired', { kind = 'expired' })
    expired = expired + 1
  else
    call('ZREM', P .. 'due', key)
  end
end
local paused = call('SMEMBERS', P .. 'paused')
table.sort(paused)
for _, name in ipairs(paused) do
  local t = load_tenant(name)
  if t.paused <= now then resume_tenant(t) end
end
-- Work that waits while nobody can run it: tell the controller again, in case it was not there the first time.
if sum.queued > 0 then poke() end
claim(16, true)
commit()
return { lost, expired, now < grace and 1 or 0 }
