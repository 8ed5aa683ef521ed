-- join: a worker offers its capacity under a new epoch, and takes waiting work at once.
-- ARGV  worker, capacityMb, cpuMilli, info (JSON)
-- Returns the epoch.
local id = ARGV[1]
local epoch = tostring(call('INCR', P .. 'epoch'))
load_workers()[id] = { id = id, epoch = epoch, capacity = tonumber(ARGV[2]), mb = tonumber(ARGV[2]), cpu = tonumber(ARGV[3]), running = 0, state = 'r', beat = now }
changed_workers[id] = workers[id]
push(put, P .. 'info', id, ARGV[4])
-- The inbox must exist before the first hand-over (see NOMKSTREAM in lane.lua); this entry carries nothing.
call('DEL', P .. 'inbox:' .. id, P .. 'lease:' .. id)
call('XADD', P .. 'inbox:' .. id, '*', 'joined', epoch)
claim(16)
commit()
return epoch
