-- submit: place each invocation on a worker, or queue it, or say why not. A re-sent item changes nothing.
--
-- ARGV  gateway, id of the last reply it has read ('' for none), most queued per function, most queued bytes in the lane,
--       most queued bytes of a tenant, '1' when some of these were sent before ('' otherwise),
--       then per item: head, revision of its function's settings|revision of its tenant's, payload, fingerprint of its request ('' for none)
-- Returns per item a number, or a list that begins with it:
--   0 placed, 1 queued, 2 already here, 3 settings are stale (configure and tenant, then submit again),
--   4 full: 'function' or 'lane', ms until there may be room, 5 switched off (cap 0), 6 would be late: ms it would wait,
--   7 the tenant has moved: lane, 8 its idempotency key came with another request,
--   9 its answer was not kept: id, 10 joined one under way, 11 answered from what is kept,
--   12 its answer is kept, but is too much for this call beside those before it: submit again
local PLACED, QUEUED, HERE, STALE_SETTINGS, FULL, OFF, LATE, MOVED, KEY_REUSED, NOT_KEPT, JOINED, REPLAYED, AGAIN = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12
local gateway, last_read, most_queued, most_bytes, most_tenant_bytes = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
if last_read ~= '' then call('XTRIM', P .. 'replies:' .. gateway, 'MINID', last_read) end

-- What was sent before may have been accepted, run and answered since: `inv` has forgotten it then, but its answer
-- stands where its sender has not yet read.
local seen = {}
if ARGV[6] == '1' then
  for _, entry in ipairs(call('XRANGE', P .. 'replies:' .. gateway, last_read == '' and '-' or '(' .. last_read, '+')) do
    for i = 1, #entry[2], 2 do seen[string.sub(entry[2][i], 3)] = true end
  end
end

local items, keys = {}, {}
for i = 7, #ARGV, 4 do
  local head = head_of(ARGV[i])
  items[#items + 1] = { head = head, revisions = ARGV[i + 1], payload = ARGV[i + 2], print = ARGV[i + 3] }
  keys[#keys + 1] = head.key
end
local here = call('HMGET', P .. 'inv', unpack(keys))
local answers, waiting, queued = {}, false, {}

-- More than this wait for no answer of another: each gets a copy of it, and the step that ends it writes them all.
local MOST_JOINED, JOIN_AGAIN_MS = 64, 1000
-- Answers copied in one call: 128 of the largest would hold everybody up for a tenth of a second.
local MOST_REPLAYED_BYTES = 262144
local replayed_bytes = 0

-- What its idempotency key stands for already; nothing when it is the first, and then which kept answer it takes the place of.
local function known_answer(head, print)
  local entry = call('HMGET', idem_key(head), 'print', 'key', 'state', 'joined', 'from')
  local was, key, state = entry[1], entry[2], entry[3]
  if not was then return end
  if was ~= print then return KEY_REUSED end
  local id, attempt = match(key, '^(.-)/(%d+)$')
  -- A repeat of what was lost.
  if id == head.id and tonumber(attempt) < tonumber(head.attempt) and state ~= 'run' then
    return nil, kept_member(head, call('HSTRLEN', idem_key(head), 'answer'))
  end
  if state == 'large' then return { NOT_KEPT, id } end
  if state == 'done' then
    local bytes = call('HSTRLEN', idem_key(head), 'answer')
    if replayed_bytes > 0 and replayed_bytes + bytes > MOST_REPLAYED_BYTES then return AGAIN end
    replayed_bytes = replayed_bytes + bytes
    local kept = call('HMGET', idem_key(head), 'kind', 'answer')
    reply(gateway, 'r', head.key, kept[1] .. id .. kept[2])
    return REPLAYED
  end
  local me = gateway .. '|' .. head.key
  if me ~= (entry[5] or '') .. '|' .. key and not string.find(' ' .. (entry[4] or '') .. ' ', ' ' .. me .. ' ', 1, true) then
    local _, others = string.gsub(entry[4] or '', '%S+', '')
    if others >= MOST_JOINED then return { FULL, 'function', int(JOIN_AGAIN_MS) } end
    call('HSET', idem_key(head), 'joined', (entry[4] and entry[4] .. ' ' or '') .. me)
  end
  return JOINED
end

-- How long it would wait: what is before it in its flow, at the flow's part of what there is or is coming, or by its function's own cap.
local STARTING_MS, HEARD_MS = 2000, 10000
local function predicted_wait(head, f, flow, v)
  measure_lane()
  local coming = now - sum.startingAt < HEARD_MS and sum.starting or 0
  local capacity, start = lane_workers + coming, 0
  if lane_workers == 0 then capacity, start = max(capacity, 1), STARTING_MS end
  local weight = weight_of(flow)
  local part = weight / max(weight, sum.backlogWeight + (flow.queued == 0 and weight or 0))
  local by_lane = min(sum.queuedWork, flow.work / part) / capacity
  local by_cap = f.cap > 0 and f[head.class].queued * expected_ms(v) / f.cap or 0
  return start + max(by_lane, by_cap)
end

for i, item in ipairs(items) do
  local head = item.head
  local f = load_function(head.fn)
  local tenant = load_tenant(f.tenant)
  local revision, tenant_revision = match(item.revisions, '^(%-?%d+)|(%-?%d+)$')
  local known, replaced
  if head.idem ~= '' and not seen[head.key] then known, replaced = known_answer(head, item.print) end
  if known then answers[i] = known
  elseif here[i] or seen[head.key] then answers[i] = HERE
  elseif tenant.rev < tonumber(tenant_revision) or f.rev < tonumber(revision) then answers[i] = STALE_SETTINGS
  elseif tenant.moved ~= '' then answers[i] = { MOVED, tenant.moved }
  elseif f.cap == 0 then answers[i] = OFF
  else
    local flow, v = tenant[head.class], load_version(head.version_id)
    local share = share_for(head.trigger, v)
    note_arrival(tenant, head.class)
    -- Where nothing waits that could start, nobody is overtaken.
    local direct = tenant.paused <= now and f[head.class].queued == 0 and f.running < f.cap and nothing_ready()
      and may_take(tenant, head.class, head.trigger)
    local worker = direct and choose(head.mb, share, v, head.key)
    if worker then
      take(worker, head, share, now, item.payload)
      answers[i] = PLACED
    else
      local wait = predicted_wait(head, f, flow, v)
      local mean = v.n == 0 and 0 or v.run
      if f.s.queued + f.a.queued >= most_queued then answers[i] = { FULL, 'function', int(wait) }
      elseif sum.queuedBytes + #item.payload > most_bytes or tenant.bytes + #item.payload > most_tenant_bytes then answers[i] = { FULL, 'lane', int(wait) }
      elseif wait > head.max_wait or wait + mean > head.deadline then answers[i] = { LATE, int(wait) }
      else
        enqueue(head, share, now, item.payload, false)
        answers[i] = QUEUED
        queued[#queued + 1] = i
      end
      waiting = true
      if answers[i] ~= QUEUED then sum.refused = sum.refused + 1 end
    end
    if answers[i] == PLACED or answers[i] == QUEUED then
      sum.arrivals = sum.arrivals + 1
      seen[head.key] = true
      if head.idem ~= '' then
        if replaced then drop_kept(tenant, replaced) end
        call('HSET', idem_key(head), 'print', item.print, 'key', head.key, 'from', gateway, 'state', 'run')
        call('PEXPIRE', idem_key(head), head.deadline + 60000)
      end
    end
  end
end
if #queued > 0 then
  claim(max(16, #queued))
  for _, i in ipairs(queued) do
    if taken[items[i].head.key] then answers[i] = PLACED end
  end
end
if waiting then poke() end
commit()
return answers
