-- wake: said before a verb that this server has not met. A server that has just begun knows none, so nothing happens on it
-- before this has been said: the lane it has read from disk may be seconds old. Until its workers have said what they
-- run (reconcile), or some time has passed, it hands out nothing.
-- Returns Redis' run id.
local HELD_MS = 2000
local run = match(call('INFO', 'server'), 'run_id:(%x+)') or ''
local before = call('GET', P .. 'run')
if before ~= run then
  call('SET', P .. 'run', run)
  local ids = {}
  for id in pairs(load_workers()) do ids[#ids + 1] = id end
  call('DEL', P .. 'unheard')
  if before and #ids > 0 then
    call('SADD', P .. 'unheard', unpack(ids))
    sum.heldUntil = now + HELD_MS
  end
  commit()
end
return run
