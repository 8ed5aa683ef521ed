-- leave: a worker that holds nothing goes. What it still holds is answered `lost`, like a dead worker's.
-- ARGV  worker, epoch
-- Returns 'gone', or the number of leases that were lost.
local worker = held_by(ARGV[1], ARGV[2])
if not worker then return 'gone' end
local lost = bury(worker, 'the worker left before it answered', 1000000, false)
hear_from(worker.id)
claim(16)
commit()
return lost
