-- Turns an event's story: from one status to another, with what changes beside. All or nothing.
-- ARGV: tenant, id, now, statuses it may have now (`queued running`), settled attempts it must have or '', new status,
--       expires at, bytes an event counts beside its own, most bytes of those that are over the tenant may have, then pairs
--       of field and value; the value '' removes the field.
-- Answers 1; 0 when it has another status, other attempts, or is gone, and then nothing has changed.

local tenant, id, now, to, expires_at = ARGV[1], ARGV[2], ARGV[3], ARGV[6], ARGV[7]
local story = 'isolane:event:' .. tenant .. '/' .. id
local root = 'isolane:events:' .. tenant
local held, over, dead = root .. ':held', root .. ':over', root .. ':dead'

local is = redis.call('HMGET', story, 'status', 'settled')
if not is[1] or not string.find(' ' .. ARGV[4] .. ' ', ' ' .. is[1] .. ' ', 1, true) then return 0 end
if ARGV[5] ~= '' and ARGV[5] ~= is[2] then return 0 end

redis.call('HSET', story, 'status', to)
for i = 10, #ARGV, 2 do
  if ARGV[i + 1] == '' then redis.call('HDEL', story, ARGV[i]) else redis.call('HSET', story, ARGV[i], ARGV[i + 1]) end
end
redis.call('PEXPIREAT', story, expires_at)

if to == 'dead' then redis.call('ZADD', dead, now, id) else redis.call('ZREM', dead, id) end
if to == 'queued' or to == 'running' or to == 'dead' then
  redis.call('PEXPIREAT', story .. ':body', expires_at)
  shelf_put(held, id, story_bytes(story, tonumber(ARGV[8])), expires_at)
  return 1
end

redis.call('DEL', story .. ':body')
shelf_take(held, id)
shelf_sweep(over, now)
shelf_put(over, id, story_bytes(story, tonumber(ARGV[8])), expires_at)
while shelf_bytes(over) > tonumber(ARGV[9]) do
  local oldest = shelf_oldest(over)
  redis.call('DEL', 'isolane:event:' .. tenant .. '/' .. oldest)
  shelf_take(over, oldest)
end
return 1
