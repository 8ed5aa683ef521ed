-- Shared by leave and reap: ends a worker's leases as `lost` and, once there are none, forgets the worker.
-- Frees what the leases held in functions and sums; the worker's own capacity goes with it.
local function bury(worker, reason, limit)
  local leases = call('HSCAN', P .. 'lease:' .. worker.id, 0, 'COUNT', limit)[2]
  local ended = 0
  for i = 1, #leases, 2 do
    local lease = head_of(leases[i + 1])
    release(worker.id, lease)
    verdict(lease, lease.accepted, lease.started, worker.id, 'lost', { kind = 'lost', reason = reason, started = 'maybe' })
    ended = ended + 1
  end
  worker.state = 'd'
  changed_workers[worker.id] = worker
  if ended >= call('HLEN', P .. 'lease:' .. worker.id) then
    load_workers()[worker.id] = nil
    changed_workers[worker.id] = nil
    call('HDEL', P .. 'cap', worker.id)
    call('HDEL', P .. 'info', worker.id)
    call('UNLINK', P .. 'inbox:' .. worker.id)
  end
  for _, f in pairs(functions) do if f.queued > 0 then file_ready(f) end end
  claim(16)
  return ended
end
