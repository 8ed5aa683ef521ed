-- Shared by join, reconcile, leave and reap: after a restart of Redis this worker need not be waited for any more.
local function hear_from(worker_id)
  call('SREM', P .. 'unheard', worker_id)
  if sum.heldUntil > now and call('SCARD', P .. 'unheard') == 0 then sum.heldUntil = 0 end
end
