-- Shared by join, leave and reap: ends a worker's leases as `lost` and, once there are none, forgets the worker.
-- Frees what the leases held in functions and sums; the worker's own capacity goes with it. Its caller claims.
local function bury(worker, reason, limit)
  local leases = call('HRANDFIELD', P .. 'lease:' .. worker.id, limit, 'WITHVALUES')
  local ended = 0
  for i = 1, #leases, 2 do
    local lease = head_of(leases[i + 1])
    release(worker.id, lease)
    verdict(lease, lease.accepted, lease.started, worker.id, 'lost', { kind = 'lost', reason = reason, started = 'maybe' })
    ended = ended + 1
  end
  if ended < call('HLEN', P .. 'lease:' .. worker.id) then
    -- No beat or settle is heard any more, and the next reap goes on with it.
    worker.state, worker.epoch, worker.beat = 'd', '0', 0
    changed_workers[worker.id] = worker
  else
    load_workers()[worker.id] = nil
    changed_workers[worker.id] = nil
    call('HDEL', P .. 'cap', worker.id)
    call('HDEL', P .. 'info', worker.id)
    call('UNLINK', P .. 'inbox:' .. worker.id)
  end
  for _, f in pairs(functions) do if f.queued > 0 then file_ready(f) end end
  return ended
end
