-- cancel: nobody waits for these any more. What is queued goes, with a record that bills nothing; of what runs its worker is told.
-- ARGV  per item: id/attempt
-- Returns one number per item: 0 not here (never accepted, or settled), 1 taken out of the queue, 2 running
local NOT_HERE, REMOVED, RUNNING = 0, 1, 2
local here = call('HMGET', P .. 'inv', unpack(ARGV))
local answers, said = {}, {}

for i, key in ipairs(ARGV) do
  local place = not said[key] and here[i]
  said[key] = true
  if not place then answers[i] = NOT_HERE
  elseif place == 'q' then
    local head, payload = read_job(key)
    remove(head, payload)
    verdict(head, head.accepted, 0, '', 'cancelled', { kind = 'cancelled' })
    answers[i] = REMOVED
  else
    push(out, P .. 'inbox:' .. place, 'abort|' .. key, '')
    answers[i] = RUNNING
  end
end
-- Where a head went that did not fit, the next one may.
claim(16)
commit()
return answers
