-- reap: find workers that have stopped beating and queued work that has waited too long. Anyone may run it.
--
-- After a gap of its own (Redis paused, restarted, or nobody ran it) it only sets a grace period: the beats it would
-- judge by are as old as the gap, and the fleet is probably fine.
-- Returns { leases lost, invocations expired, 1 when in grace }
local REAP_MS, GAP_MS, GRACE_MS, AT_ONCE = 2000, 1000, 2000, 100
local run = string.match(call('INFO', 'server'), 'run_id:(%x+)') or ''
local before = call('HMGET', P .. 'reap', 'at', 'run', 'grace')
local grace = tonumber(before[3] or 0)
if not before[1] or now - tonumber(before[1]) > GAP_MS or before[2] ~= run then grace = now + GRACE_MS end
call('HSET', P .. 'reap', 'at', int(now), 'run', run, 'grace', int(grace))

local lost, expired = 0, 0
if now >= grace then
  for _, worker in pairs(load_workers()) do
    if now - worker.beat > REAP_MS and lost < AT_ONCE then
      lost = lost + bury(worker, 'the worker that ran it died', AT_ONCE)
    end
  end
end
for _, key in ipairs(call('ZRANGEBYSCORE', P .. 'due', '-inf', int(now), 'LIMIT', 0, AT_ONCE)) do
  local head, accepted, payload = read_job(key)
  if head then
    unqueue(head, payload)
    push(del, P .. 'inv', key)
    verdict(head, accepted, 0, '', 'expired', { kind = 'expired' })
    call('LREM', P .. 'q:' .. head.fn, 1, int(accepted) .. '|' .. key)
    file_ready(load_function(head.fn))
    expired = expired + 1
  else
    call('ZREM', P .. 'due', key)
  end
end
-- Work that waits while nobody can run it: tell the controller again, in case it was not there the first time.
if sum.queued > 0 then poke() end
claim(16)
commit()
return { lost, expired, now < grace and 1 or 0 }
