-- A shelf: what is kept of one tenant's events for a while, and how many bytes that is. `<shelf>` orders ids by when they
-- expire, `<shelf>:bytes` has each one's bytes, and their sum as `all`.

local function shelf_take(shelf, id)
  local bytes = redis.call('HGET', shelf .. ':bytes', id)
  if not bytes then return end
  redis.call('HDEL', shelf .. ':bytes', id)
  redis.call('ZREM', shelf, id)
  redis.call('HINCRBY', shelf .. ':bytes', 'all', -tonumber(bytes))
end

local function shelf_put(shelf, id, bytes, expires_at)
  shelf_take(shelf, id)
  redis.call('HSET', shelf .. ':bytes', id, bytes)
  redis.call('ZADD', shelf, expires_at, id)
  redis.call('HINCRBY', shelf .. ':bytes', 'all', bytes)
end

-- All that is kept of an event: its head and what has come of it, its body if that is still there, and what it costs beside.
local function story_bytes(story, overhead)
  local sum = overhead + redis.call('STRLEN', story .. ':body')
  for _, value in ipairs(redis.call('HVALS', story)) do sum = sum + #value end
  return sum
end

local function shelf_bytes(shelf)
  return tonumber(redis.call('HGET', shelf .. ':bytes', 'all') or '0')
end

-- Forgets what has expired by itself: a few at a time, so that no call takes long.
local function shelf_sweep(shelf, now)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', shelf, '-inf', now, 'LIMIT', 0, 50)) do shelf_take(shelf, id) end
end

local function shelf_oldest(shelf)
  return redis.call('ZRANGE', shelf, 0, 0)[1]
end
