-- Shared by join, leave and reap: ends a worker's leases and, once there are none, forgets the worker. What it was handed
-- but has not read goes back into the queue; the rest is `lost`. Its caller claims.

-- Functions that were there when two workers died within a minute: not repeated, and for a while alone in their cells.
local STRIKES_WITHIN_MS, BOXED_MS = 60000, 60000
-- The epoch of a worker of which only a part has been buried.
local ENDING = '0'

-- The keys of what was handed over and never read, in order; by key, its payload, and whether it has been cancelled since.
local function unread(worker_id)
  local inbox = P .. 'inbox:' .. worker_id
  local keys, payloads, aborted = {}, {}, {}
  -- Nothing is sure of a worker that has not spoken since Redis began anew: how far it had read may be forgotten with the rest.
  if call('EXISTS', inbox) == 0 or call('SISMEMBER', P .. 'unheard', worker_id) == 1 then return keys, payloads, aborted end
  local group = call('XINFO', 'GROUPS', inbox)[1]
  if not group then return keys, payloads, aborted end
  for i = 1, #group, 2 do
    if group[i] == 'last-delivered-id' then
      for _, entry in ipairs(call('XRANGE', inbox, '(' .. group[i + 1], '+')) do
        for at = 1, #entry[2], 2 do
          local id, attempt = match(entry[2][at], '^%d+|%a*|([^|]*)|([^|]*)|')
          local cancelled = match(entry[2][at], '^abort|(.*)$')
          if id then
            local key = id .. '/' .. attempt
            keys[#keys + 1], payloads[key] = key, entry[2][at + 1]
          elseif cancelled then
            aborted[cancelled] = true
          end
        end
      end
    end
  end
  return keys, payloads, aborted
end

-- Each function once, however many of its leases end here, and in how many steps.
local function strike(worker, payloads)
  local struck = {}
  for _, text in ipairs(call('HVALS', P .. 'lease:' .. worker.id)) do
    local lease = head_of(text)
    if not payloads[lease.key] and not struck[lease.fn] then
      local f = load_function(lease.fn)
      if now - f.struck < STRIKES_WITHIN_MS then f.boxed = now + BOXED_MS end
      f.struck, struck[f.key] = now, true
      changed_functions[f.key] = f
    end
  end
end

local function bury(worker, reason, limit, died)
  local leases, keys, ended = {}, {}, 0
  local flat = call('HRANDFIELD', P .. 'lease:' .. worker.id, limit, 'WITHVALUES')
  for i = 1, #flat, 2 do keys[#keys + 1], leases[flat[i]] = flat[i], flat[i + 1] end
  table.sort(keys)
  local unread_keys, payloads, aborted = unread(worker.id)
  if died and worker.epoch ~= ENDING then strike(worker, payloads) end
  -- The last that left its line first: each goes back to the front.
  for i = #unread_keys, 1, -1 do
    local key = unread_keys[i]
    if leases[key] then
      local lease = head_of(leases[key])
      leases[key] = nil
      if aborted[key] then
        move_tags(release(worker.id, lease), lease.class, -lease.cost)
        verdict(lease, lease.accepted, 0, '', 'cancelled', { kind = 'cancelled' })
      else
        put_back(worker.id, lease, payloads[key])
      end
    end
  end
  for _, key in ipairs(keys) do
    if leases[key] then
      local lease = head_of(leases[key])
      local f = release(worker.id, lease)
      local lost = { kind = 'lost', reason = reason, started = 'maybe' }
      if f.boxed > now then lost['repeat'] = false end
      verdict(lease, lease.accepted, lease.started, worker.id, 'lost', lost)
      ended = ended + 1
    end
  end
  if #keys < call('HLEN', P .. 'lease:' .. worker.id) then
    -- No beat or settle is heard any more, and the next reap goes on with it.
    worker.state, worker.epoch, worker.beat = 'd', ENDING, 0
    changed_workers[worker.id] = worker
  else
    load_workers()[worker.id] = nil
    changed_workers[worker.id] = nil
    call('HDEL', P .. 'cap', worker.id)
    call('HDEL', P .. 'info', worker.id)
    call('UNLINK', P .. 'inbox:' .. worker.id)
    if worker.id == reserved_worker then unreserve() end
  end
  lane_mb = nil
  file_all()
  return ended
end
