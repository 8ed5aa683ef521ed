-- beat: I am alive, this is what I hold, this is what I can offer.
-- ARGV  worker, epoch, id of the last inbox entry read ('' for none), capacityMb, info (JSON), resident report
-- Returns 'gone', or the worker's state: 'r' ready, 'd' draining.
local worker = held_by(ARGV[1], ARGV[2])
if not worker then return 'gone' end
if ARGV[3] ~= '' then call('XTRIM', P .. 'inbox:' .. worker.id, 'MINID', ARGV[3]) end
local capacity = tonumber(ARGV[4])
worker.mb, worker.capacity, worker.beat = worker.mb + capacity - worker.capacity, capacity, now
changed_workers[worker.id] = worker
write(P .. 'info', worker.id, ARGV[5])
hear_resident(worker, ARGV[6])
claim(16, true)
commit()
return worker.state
