-- settle: result and usage record out, lease back, and the next work handed out, in one step.
-- Acts only on leases this worker holds under this epoch: a second settle of the same attempt changes nothing.
--
-- ARGV  worker, epoch, id of the last inbox entry it has read ('' for none), resident report ('' or 'versionId=riders,...'),
--       then per item: id/attempt, 'cpuMs|waitMs|runMs|m' (m: 1 when its reply went over a data connection, n when nothing of it ran), reply frame, usage record
-- Returns 'gone' when the lane no longer knows this worker and epoch; else one number per item: 1 settled, 0 not its lease
local worker = held_by(ARGV[1], ARGV[2])
if not worker then return 'gone' end
if ARGV[3] ~= '' then call('XTRIM', P .. 'inbox:' .. worker.id, 'MINID', ARGV[3]) end
hear_resident(worker, ARGV[4])

local keys = {}
for i = 5, #ARGV, 4 do keys[#keys + 1] = ARGV[i] end
if #keys == 0 then claim(16); commit(); return {} end
local leases = call('HMGET', P .. 'lease:' .. worker.id, unpack(keys))
local answers, touched = {}, {}

for i, text in ipairs(leases) do
  local at = 5 + (i - 1) * 4
  if text and not touched[ARGV[at]] then
    touched[ARGV[at]] = true
    settle_lease(worker, head_of(text), ARGV[at + 1], ARGV[at + 2], ARGV[at + 3])
    answers[i] = 1
  else
    answers[i] = 0
  end
end
-- Functions that were at their cap may start again.
if sum.queued > 0 then
  file_all()
  claim(max(16, #keys))
end
commit()
return answers
