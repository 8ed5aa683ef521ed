-- ARGV: tenant, now, scope, key, expires at (ms; 0: never), bytes it counts, size, blob or -, metadata, value, quota
-- Answers {freed, 'done'}; {freed, 'full', used, more} when `more` bytes do not fit beside `used`, and nothing has been written
-- then; {freed, 'again'} when it did not fit but expired records made room: more of them may have to go than one call should take.

local MANY = 500

reclaim(FEW)
local scope, key, expires_at, charge, size, blob, metadata = ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6]), ARGV[7], ARGV[8], ARGV[9]
local old = find(scope, key)
local in_use = tonumber(redis.call('GET', used) or 0)
local more = charge - (old and old.charge or 0)
if more > 0 and in_use + more > tonumber(ARGV[11]) then
  if reclaim(MANY) > 0 then return { freed, 'again' } end
  return { freed, 'full', in_use, more }
end

if old then forget(scope, key, old) end
redis.call('HSET', heads(scope), key, table.concat({ expires_at, ARGV[6], size, blob, metadata }, ' '))
redis.call('ZADD', names(scope), 0, key)
if expires_at ~= '0' then redis.call('ZADD', expiries, expires_at, scope .. ':' .. key) end
if blob == '-' then
  redis.call('HSET', values(scope), key, ARGV[10])
else
  redis.call('SADD', blobs, blob)
end
redis.call('INCRBY', used, charge)
return { freed, 'done' }
