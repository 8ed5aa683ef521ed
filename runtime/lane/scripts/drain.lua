-- drain / undrain: take a worker out of every placement, or back in.
-- ARGV  worker, 'd' or 'r'
-- Returns 1 when the worker exists, else 0.
local worker = load_workers()[ARGV[1]]
if not worker then return 0 end
worker.state = ARGV[2]
changed_workers[worker.id] = worker
if worker.id == reserved_worker then unreserve() end
claim(16)
commit()
return 1
