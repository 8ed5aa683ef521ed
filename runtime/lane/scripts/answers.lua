-- What is answered, and what of it is kept.
--
-- An invocation with an idempotency hash is one of its function's: while it is under way others with the same hash wait
-- for its answer, later ones get it from here. For asynchronous invocations the hash is their own id/attempt: who submits
-- one again, because he does not know what became of it, joins it.
--
--   idem:<function>:<hash>  hash   print fingerprint of the request, key id/attempt and from gateway of who runs it,
--                                  state 'run' | 'done' | 'large', kind 'f' | 'v' and answer when done,
--                                  joined gateway|id/attempt of each that waits, joined by ' '
--   kept:<tenant>           zset   bytes|function:hash of each answer that is kept, by when it goes
local KEPT_MS = 86400000
local MOST_KEPT_BYTES = 33554432
-- What an entry costs beside its answer.
local ENTRY_BYTES = 300

local function idem_key(head) return P .. 'idem:' .. head.fn .. ':' .. head.idem end

local function reply(gateway, kind, key, frame) push(out, P .. 'replies:' .. gateway, kind .. ':' .. key, frame) end

local function kept_member(head, bytes) return int(bytes + ENTRY_BYTES) .. '|' .. head.fn .. ':' .. head.idem end

local function drop_kept(tenant, member)
  local bytes, rest = match(member, '^(%d+)|(.*)$')
  local entry = P .. 'idem:' .. rest
  if call('ZREM', P .. 'kept:' .. tenant.name, member) == 1 then tenant.kept = max(0, tenant.kept - tonumber(bytes)) end
  -- Unless it is another by now, under way again or of another size.
  if call('HGET', entry, 'state') ~= 'run' and call('HSTRLEN', entry, 'answer') + ENTRY_BYTES == tonumber(bytes) then call('UNLINK', entry) end
end

-- Bounded per tenant, so that none can fill Redis: its own oldest answers go first.
local function keep(head, bytes)
  local tenant = load_tenant(match(head.fn, '^[^/]*'))
  changed_tenants[tenant.name] = tenant
  local kept = P .. 'kept:' .. tenant.name
  -- After a day without any it has gone by itself.
  if call('EXISTS', kept) == 0 then tenant.kept = 0 end
  for _, member in ipairs(call('ZRANGEBYSCORE', kept, '-inf', int(now), 'LIMIT', 0, 10)) do drop_kept(tenant, member) end
  local new = call('ZADD', kept, int(now + KEPT_MS), kept_member(head, bytes))
  call('PEXPIRE', kept, KEPT_MS + 60000)
  tenant.kept = tenant.kept + new * (bytes + ENTRY_BYTES)
  while tenant.kept > MOST_KEPT_BYTES do
    local oldest = call('ZRANGE', kept, 0, 0)[1]
    if not oldest then tenant.kept = 0 else drop_kept(tenant, oldest) end
  end
end

-- The end of one that others may wait for, or ask for later. `ran`: it may have had effects. `beside`: its answer went another way.
local function conclude(head, kind, frame, ran, beside)
  if head.idem == '' then return end
  local key = idem_key(head)
  local entry = call('HMGET', key, 'key', 'joined')
  -- Another attempt has it now.
  if entry[1] ~= head.key then return end
  if entry[2] then
    local replay = kind .. head.id .. frame
    for gateway, waiting in string.gmatch(entry[2], '(%S+)|(%S+)') do
      if beside then reply(gateway, 'l', waiting, head.id) else reply(gateway, 'r', waiting, replay) end
    end
  end
  -- Who submits an asynchronous one again asks what became of it; he runs it again under another number.
  if not ran and head.class ~= 'a' then call('UNLINK', key); return end
  call('HDEL', key, 'joined')
  if beside then call('HSET', key, 'state', 'large') else call('HSET', key, 'state', 'done', 'kind', kind, 'answer', frame) end
  call('PEXPIRE', key, KEPT_MS)
  keep(head, beside and 0 or #frame)
end

-- Verdicts the lane gives itself: nobody ran it to the end, so the record and the reply are written here.
local function verdict(head, accepted, started, worker_id, outcome, answer)
  local tenant, name = match(head.fn, '^(.-)/(.*)$')
  records[#records + 1] = cjson.encode({
    id = head.id, attempt = tonumber(head.attempt), tenant = tenant, ['function'] = name, version = tonumber(head.version), trigger = head.trigger,
    acceptedAt = accepted, startedAt = started, queueMs = (started > 0 and started or now) - accepted, initMs = 0, runMs = 0, stallMs = 0, cpuMs = 0,
    billedMs = 0, memoryMb = head.memory, concurrency = head.concurrency, heapMb = 0, requestBytes = head.request_bytes, responseBytes = 0,
    egressBytes = 0, subrequests = 0, start = 'none', outcome = outcome, worker = worker_id,
  })
  local text = cjson.encode(answer)
  reply(head.gateway, 'v', head.key, text)
  conclude(head, 'v', text, answer.started == 'maybe', false)
  sum.settled = sum.settled + 1
end
