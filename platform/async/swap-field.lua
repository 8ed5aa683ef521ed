-- Puts a field of a hash in the place of what it was read to be.
-- ARGV: key, field, expected text ('': not there), new text ('': remove it), most fields the hash may have
-- Answers `done`; `conflict` when somebody was faster, `full` when a new field would be one too many: nothing has changed then.

local key, field, expected, text = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if (redis.call('HGET', key, field) or '') ~= expected then return 'conflict' end
if text == '' then
  redis.call('HDEL', key, field)
elseif expected == '' and redis.call('HLEN', key) >= tonumber(ARGV[5]) then
  return 'full'
else
  redis.call('HSET', key, field, text)
end
return 'done'
