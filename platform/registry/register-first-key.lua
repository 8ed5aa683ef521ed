-- Writes the first key, unless a deployment has one.
-- ARGV: sha256 of the key, record (JSON), its id, `replace` or `keep`
-- Answers the sha256 of the first key from now on. With `replace` the former one stops working.

local function record_key(sha256) return 'isolane:key:' .. sha256 end

local former = redis.call('GET', 'isolane:first-key')
if former and ARGV[4] == 'keep' then return former end
if former == ARGV[1] and redis.call('EXISTS', record_key(former)) == 1 then return former end
local replaced = former and redis.call('GET', record_key(former))
if replaced then
  redis.call('DEL', record_key(former))
  redis.call('HDEL', 'isolane:keys', cjson.decode(replaced).id)
  redis.call('PUBLISH', 'isolane:changes', 'key:' .. former)
end
redis.call('SET', 'isolane:first-key', ARGV[1])
redis.call('SET', record_key(ARGV[1]), ARGV[2])
redis.call('HSET', 'isolane:keys', ARGV[3], ARGV[1])
redis.call('PUBLISH', 'isolane:changes', 'key:' .. ARGV[1])
return ARGV[1]
