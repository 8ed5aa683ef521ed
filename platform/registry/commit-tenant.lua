-- One step from one revision of a tenant to the next.
-- ARGV: name, expected revision, new record (JSON), `moving` or `settled`
-- Answers 1, or 0 when another change was first or there is no such tenant, and nothing has changed then.
-- Tells `isolane:changes` in the same step.

local key = 'isolane:tenant:' .. ARGV[1]
local record = redis.call('GET', key)
if not record or tostring(cjson.decode(record).revision or 1) ~= ARGV[2] then return 0 end
redis.call('SET', key, ARGV[3])
redis.call(ARGV[4] == 'moving' and 'SADD' or 'SREM', 'isolane:tenants:moving', ARGV[1])
redis.call('PUBLISH', 'isolane:changes', 'tenant:' .. ARGV[1])
return 1
