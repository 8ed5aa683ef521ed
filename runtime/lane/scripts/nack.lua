-- nack: a worker cannot begin what it was handed. Back to the front of its line with it; nothing ran, and nothing is on record.
-- ARGV  worker, epoch, capacityMb (what it offers from now on), which of its nacks this is ('' for none: numbers grow with
--       every call, and one that was said before changes nothing: its claims may be this worker's anew),
--       then per item: id/attempt, payload
-- Returns 'gone', or one number per item: 1 taken back, 0 not its lease; nothing when it was said before
local worker = held_by(ARGV[1], ARGV[2])
if not worker then return 'gone' end
local KEPT_MS = 60000
if ARGV[4] ~= '' then
  local said = call('GET', P .. 'nacked:' .. worker.id)
  local epoch, number = match(said or '', '^(%d+)|(%d+)$')
  if epoch == worker.epoch and tonumber(ARGV[4]) <= tonumber(number) then return {} end
  call('SET', P .. 'nacked:' .. worker.id, worker.epoch .. '|' .. ARGV[4], 'PX', KEPT_MS)
end
local capacity = tonumber(ARGV[3])
worker.mb, worker.capacity = worker.mb + capacity - worker.capacity, capacity
changed_workers[worker.id] = worker
local answers, touched = {}, {}
for i = 5, #ARGV, 2 do
  local text = not touched[ARGV[i]] and call('HGET', P .. 'lease:' .. worker.id, ARGV[i])
  touched[ARGV[i]] = true
  if text then put_back(worker.id, head_of(text), ARGV[i + 1]) end
  answers[#answers + 1] = text and 1 or 0
end
file_all()
claim(16)
commit()
return answers
