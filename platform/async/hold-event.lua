-- Takes an event in, unless it is here or there is no room.
-- ARGV: tenant, id, now, expires at, bytes an event counts beside its own, most bytes the tenant may have, event (JSON), body,
--       idempotency key or '', its fingerprint, for how many ms the key is kept
-- Answers {'held'}; {'full'}; {'known', status}; {'replay', id, fingerprint} when the key was used before.

local tenant, id, now, expires_at = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local story, waiting = 'isolane:event:' .. tenant .. '/' .. id, 'isolane:events:' .. tenant .. ':held'
local key = ARGV[9] ~= '' and 'isolane:event-key:' .. tenant .. '/' .. ARGV[9]

if key then
  local former = redis.call('HMGET', key, 'id', 'fingerprint')
  if former[1] and former[1] ~= id then return {'replay', former[1], former[2]} end
end
local status = redis.call('HGET', story, 'status')
if status then return {'known', status} end

shelf_sweep(waiting, now)
if shelf_bytes(waiting) + tonumber(ARGV[5]) + #ARGV[7] + #ARGV[8] > tonumber(ARGV[6]) then return {'full'} end
redis.call('HSET', story, 'status', 'queued', 'event', ARGV[7], 'since', now, 'settled', 0, 'spent', 0, 'requeues', 0)
redis.call('PEXPIREAT', story, expires_at)
redis.call('SET', story .. ':body', ARGV[8], 'PXAT', expires_at)
shelf_put(waiting, id, story_bytes(story, tonumber(ARGV[5])), expires_at)
if key then
  redis.call('HSET', key, 'id', id, 'fingerprint', ARGV[10])
  redis.call('PEXPIRE', key, ARGV[11])
end
return {'held'}
