-- reconcile: after Redis has begun anew, and may have forgotten its last seconds, a worker says what it knows of them.
-- What it runs it holds, whatever the lane remembers; what it has settled is settled. What the lane thinks it runs, and
-- neither it nor its inbox knows of, is lost.
-- ARGV  worker, epoch, id of the last inbox entry read ('' for none), 'last' when this is all ('' when more of it follows),
--       how many it runs, then a lease for each of these,
--       then per settlement of its last seconds: lease, 'cpuMs|waitMs|runMs|b', reply frame, usage record
-- Returns 'gone', or one number per lease it runs: 1 it holds it, 0 somebody else does
local worker = held_by(ARGV[1], ARGV[2])
if not worker then return 'gone' end
local count = tonumber(ARGV[5])
local answers, known = {}, {}

-- Where the lane thinks it is; out of the queue it goes.
local function place_of(lease)
  local place = call('HGET', P .. 'inv', lease.key)
  if place ~= 'q' then return place end
  local head, payload = read_job(lease.key)
  if head then remove(head, payload) end
  return false
end

for i = 6, 5 + count do
  local lease = head_of(ARGV[i])
  local place = place_of(lease)
  known[lease.key] = true
  if not place then
    lease.text = head_text(lease)
    take(worker, lease, lease.share, lease.accepted)
    file_both(load_function(lease.fn))
  end
  answers[#answers + 1] = (not place or place == worker.id) and 1 or 0
end
for i = 6 + count, #ARGV, 4 do
  local lease = head_of(ARGV[i])
  if not known[lease.key] then
    known[lease.key] = true
    local place = place_of(lease)
    if place == worker.id then settle_lease(worker, lease, ARGV[i + 1], ARGV[i + 2], ARGV[i + 3])
    elseif not place then
      -- Perhaps for the second time: readers of replies and records know each key once.
      reply(lease.gateway, 'f', lease.key, ARGV[i + 2])
      records[#records + 1] = ARGV[i + 3]
      local mark = match(ARGV[i + 1], '^[^|]*|[^|]*|[^|]*|([1n]?)$')
      conclude(lease, 'f', ARGV[i + 2], mark ~= 'n', mark == '1')
    end
  end
end
if ARGV[4] ~= 'last' then file_all(); commit(); return answers end
for _, entry in ipairs(call('XRANGE', P .. 'inbox:' .. worker.id, ARGV[3] == '' and '-' or '(' .. ARGV[3], '+')) do
  for at = 1, #entry[2], 2 do
    local id, attempt = match(entry[2][at], '^%d+|%a*|([^|]*)|([^|]*)|')
    if id then known[id .. '/' .. attempt] = true end
  end
end
local leases = call('HVALS', P .. 'lease:' .. worker.id)
table.sort(leases)
for _, text in ipairs(leases) do
  local lease = head_of(text)
  if not known[lease.key] then
    release(worker.id, lease)
    verdict(lease, lease.accepted, lease.started, worker.id, 'lost', { kind = 'lost', reason = 'Redis and its worker lost track of it', started = 'maybe' })
  end
end
file_all()
hear_from(worker.id)
claim(16)
commit()
return answers
