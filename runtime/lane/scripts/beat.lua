-- beat: I am alive, this is what I hold, this is what I can offer.
-- ARGV  worker, epoch, id of the last inbox entry read ('' for none), capacityMb, info (JSON), resident report
-- Returns 'gone', or the worker's state: 'r' ready, 'd' draining.
local worker = held_by(ARGV[1], ARGV[2])
if not worker then return 'gone' end
if ARGV[3] ~= '' then call('XTRIM', P .. 'inbox:' .. worker.id, 'MINID', ARGV[3]) end
local capacity = tonumber(ARGV[4])
worker.mb, worker.capacity, worker.beat = worker.mb + capacity - worker.capacity, capacity, now
changed_workers[worker.id] = worker
push(put, P .. 'info', worker.id, ARGV[5])
-- A day after the last worker spoke of a version, its averages may go.
for id, riders in string.gmatch(ARGV[6], '(%x+)=(%d+)') do
  local v = load_version(id)
  v.resident[worker.id] = tonumber(riders)
  v.write['r:' .. worker.id] = riders
  changed_versions[id] = v
end
claim(16)
commit()
for id in string.gmatch(ARGV[6], '(%x+)=%d+') do call('PEXPIRE', P .. 'v:' .. id, 86400000) end
return worker.state
