-- What waits, and how it starts.

-- A line's entry: all that a look at its head needs.
local function entry_of(head, accepted)
  return int(accepted) .. '|' .. int(min(head.max_wait, head.deadline)) .. '|' .. int(head.deadline) .. '|' .. int(head.mb) .. '|' .. head.version_id .. '|' .. head.trigger .. '|' .. head.key
end
local ENTRY = '^(%d+)|(%d+)|(%d+)|(%d+)|(%x+)|(%a+)|(.*)$'

local function line_key(head) return P .. 'q:' .. head.class .. ':' .. head.fn end

local function count_queued(head, sign, bytes)
  local f = load_function(head.fn)
  local tenant = load_tenant(f.tenant)
  local flow = tenant[head.class]
  f[head.class].queued = max(0, f[head.class].queued + sign)
  local before = flow.queued
  flow.queued, flow.work = max(0, flow.queued + sign), max(0, flow.work + sign * head.cost)
  tenant.bytes = max(0, tenant.bytes + sign * bytes)
  changed_functions[f.key], changed_tenants[tenant.name] = f, tenant
  if before == 0 and flow.queued > 0 then sum.backlogWeight = sum.backlogWeight + weight_of(flow)
  elseif before > 0 and flow.queued == 0 then sum.backlogWeight, flow.work = max(0, sum.backlogWeight - weight_of(flow)), 0 end
  sum.queued, sum.queuedMb, sum.queuedCpu = sum.queued + sign, sum.queuedMb + sign * head.mb, sum.queuedCpu + sign * head.share
  sum.queuedBytes, sum.queuedWork = sum.queuedBytes + sign * bytes, sum.queued == 0 and 0 or max(0, sum.queuedWork + sign * head.cost)
  return f
end

-- `front`: it comes back, and goes before those that came after it.
local function enqueue(head, share, accepted, payload, front)
  head.share, head.cost = share, expected_ms(load_version(head.version_id)) * dominant(head.mb, share)
  call(front and 'LPUSH' or 'RPUSH', line_key(head), entry_of(head, accepted))
  call('HSET', P .. 'job', head.key, head.text .. '|' .. share .. '|' .. int(accepted) .. '|0|' .. number(head.cost) .. '\n' .. payload)
  call('ZADD', P .. 'due', int(accepted + min(head.max_wait, head.deadline)), head.key)
  write(P .. 'inv', head.key, 'q')
  file(count_queued(head, 1, #payload), head.class)
end

-- head as it was submitted, with share, accepted and cost beside it; payload
local function read_job(key)
  local job = call('HGET', P .. 'job', key)
  if not job then return nil end
  local line_end = string.find(job, '\n', 1, true)
  local head = head_of(string.sub(job, 1, line_end - 1))
  head.text = head_text(head)
  return head, string.sub(job, line_end + 1)
end

-- Takes it out of everything but its line (whoever pops the line skips what has no job) and `inv`.
local function unqueue(head, payload)
  if head.key == reserved_key then unreserve() end
  call('HDEL', P .. 'job', head.key)
  call('ZREM', P .. 'due', head.key)
  return count_queued(head, -1, #payload)
end

-- From the middle of its line, and for good.
local function remove(head, payload)
  local f = unqueue(head, payload)
  write(P .. 'inv', head.key, false)
  call('LREM', line_key(head), 1, entry_of(head, head.accepted))
  file(f, head.class)
end

-- The first of a line, and where it can start now, if anywhere. `again`: it was not to be started; look again.
local function look_at(f, flow)
  local line = P .. 'q:' .. flow.class .. ':' .. f.key
  local entry = call('LINDEX', line, 0)
  if not entry then f[flow.class].queued = 0; file(f, flow.class); return nil, true end
  local accepted, limit, deadline, mb, version_id, trigger, key = match(entry, ENTRY)
  accepted, mb = tonumber(accepted), tonumber(mb)
  local v = load_version(version_id)
  -- What would end after its deadline would only keep what can still be in time from it.
  if now - accepted >= tonumber(limit) or (v.n > 0 and now - accepted + v.run > tonumber(deadline)) then
    call('LPOP', line)
    local head, payload = read_job(key)
    if head then
      unqueue(head, payload)
      write(P .. 'inv', key, false)
      verdict(head, accepted, 0, '', 'expired', { kind = 'expired' })
    end
    file(f, flow.class)
    return nil, true
  end
  -- Of now, not of when it was queued: it may have waited while its version became known.
  local head = { f = f, line = line, key = key, accepted = accepted, mb = mb, share = share_for(trigger, v), v = v }
  if not may_take(flow.tenant, flow.class, trigger) then return nil end
  head.worker, head.warm = choose(mb, head.share, v, key)
  return head
end

local function start(found)
  call('LPOP', found.line)
  local head, payload = read_job(found.key)
  unqueue(head, payload)
  take(found.worker, head, found.share, found.accepted, payload)
  file_both(found.f)
end

local LINES, SHALLOW, DEEP = 8, 16, 96
-- Starts one: of the first flow that has one that fits, and there of the first eight functions one that is warm somewhere.
-- Looks at no more than `most` heads, and as many that are held back. true: something left a queue.
local function start_one(most)
  local looked, spared, passed = 0, 0, nil
  for _, name in ipairs(call('ZRANGE', P .. 'ready', 0, DEEP - 1)) do
    local class, tenant = match(name, '^(%a):(.*)$')
    local flow, best = load_tenant(tenant)[class], nil
    -- Who has all he may hides nobody: he is looked at for calls of functions by functions only, and these are synchronous.
    local held = not may_take(flow.tenant, class, '')
    for _, key in ipairs(held and class == 'a' and {} or call('ZRANGE', P .. 'flow:' .. name, 0, LINES - 1)) do
      if (held and spared or looked) >= most then break end
      if held then spared = spared + 1 else looked = looked + 1 end
      local found, again = look_at(load_function(key), flow)
      if again then return true end
      if found and found.worker then
        if not best or found.warm then best = found end
        if best.warm then break end
      elseif found and not passed and now - found.accepted >= RESERVE_AFTER_MS and now - found.accepted < RESERVE_UNTIL_MS then
        passed = found
      end
    end
    if best and passed and not reserved_worker then
      -- It would be passed over, again and again, by what is smaller.
      reserve(passed.mb, passed.key)
      if best.worker.id == reserved_worker then return true end
    end
    if best then start(best); return true end
    if looked >= most then return false end
  end
  return false
end

-- Hands queued work to free capacity. A beat looks deep, what everybody waits for does not.
local function claim(limit, deep)
  if sum.heldUntil > now then return end
  for _ = 1, limit do
    if sum.queued <= 0 or not start_one(deep and DEEP or SHALLOW) then return end
  end
end

-- Back to the front of its line, as if it had never been handed over.
local function put_back(worker_id, lease, payload)
  local f = release(worker_id, lease)
  move_tags(f, lease.class, -lease.cost)
  lease.text = head_text(lease)
  enqueue(lease, lease.share, lease.accepted, payload, true)
end
