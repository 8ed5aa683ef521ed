-- submit: place each invocation on a worker, or queue it, or say why not. A re-sent item changes nothing.
--
-- ARGV  gateway, id of the last reply it has read ('' for none), most queued per function, most queued bytes in the lane,
--       '1' when some of these were sent before ('' otherwise),
--       then per item: head, revision of the function's settings, payload
-- Returns one number per item: 0 placed, 1 queued, 2 already here, 3 settings are stale (configure, then submit again),
--       4 the queue is full, 5 switched off (cap 0)
local PLACED, QUEUED, HERE, STALE_SETTINGS, FULL, OFF = 0, 1, 2, 3, 4, 5
local most_queued, most_bytes = tonumber(ARGV[3]), tonumber(ARGV[4])
if ARGV[2] ~= '' then call('XTRIM', P .. 'replies:' .. ARGV[1], 'MINID', ARGV[2]) end

-- What was sent before may have been accepted, run and answered since: `inv` has forgotten it then, but its answer
-- stands where its sender has not yet read.
local seen = {}
if ARGV[5] == '1' then
  for _, entry in ipairs(call('XRANGE', P .. 'replies:' .. ARGV[1], ARGV[2] == '' and '-' or '(' .. ARGV[2], '+')) do
    for i = 1, #entry[2], 2 do seen[string.sub(entry[2][i], 3)] = true end
  end
end

local items, keys = {}, {}
for i = 6, #ARGV, 3 do
  local head = head_of(ARGV[i])
  items[#items + 1] = { head = head, revision = tonumber(ARGV[i + 1]), payload = ARGV[i + 2] }
  keys[#keys + 1] = head.key
end
local here = call('HMGET', P .. 'inv', unpack(keys))
local answers, waiting = {}, false

for i, item in ipairs(items) do
  local head = item.head
  local f = load_function(head.fn)
  if here[i] or seen[head.key] then answers[i] = HERE
  elseif f.rev < item.revision then answers[i] = STALE_SETTINGS
  elseif f.cap == 0 then answers[i] = OFF
  else
    seen[head.key] = true
    local v = load_version(head.version_id)
    local share = share_for(head, v)
    local worker = f.queued == 0 and f.running < f.cap and choose(head.mb, share, v)
    if worker then
      take(worker, head, share, now, item.payload)
      sum.arrivals = sum.arrivals + 1
      answers[i] = PLACED
    elseif f.queued >= most_queued or sum.queuedBytes + #item.payload > most_bytes then
      sum.refused = sum.refused + 1
      waiting = true
      answers[i] = FULL
    else
      enqueue(head, share, item.payload)
      sum.arrivals = sum.arrivals + 1
      waiting = true
      answers[i] = QUEUED
    end
  end
end
if waiting then poke() end
commit()
return answers
