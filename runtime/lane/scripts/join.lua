-- join: a worker offers its capacity under a new epoch, and takes waiting work at once.
-- What it held under an earlier epoch is answered `lost`: it says itself that it no longer runs it.
-- ARGV  worker, capacityMb, cpuMilli, info (JSON), state ('r', or 'd' when it only comes back to go)
-- Returns the epoch.
local id = ARGV[1]
local before = load_workers()[id]
if before then bury(before, 'the worker that ran it started anew', 1000000, true) end
local epoch = tostring(call('INCR', P .. 'epoch'))
load_workers()[id] = { id = id, epoch = epoch, capacity = tonumber(ARGV[2]), mb = tonumber(ARGV[2]), cpu = tonumber(ARGV[3]), running = 0, state = ARGV[5], beat = now }
changed_workers[id] = workers[id]
write(P .. 'info', id, ARGV[4])
-- The inbox must exist before the first hand-over (see NOMKSTREAM in lane.lua); this entry carries nothing. The group
-- remembers how far the worker has read, in case that it cannot say so any more (bury.lua).
call('UNLINK', P .. 'inbox:' .. id)
call('XADD', P .. 'inbox:' .. id, '*', 'joined', epoch)
call('XGROUP', 'CREATE', P .. 'inbox:' .. id, 'worker', '0')
hear_from(id)
lane_mb = nil
claim(16)
commit()
return epoch
