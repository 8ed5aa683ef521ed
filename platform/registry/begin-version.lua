-- Writes a candidate: its record and its claims on artifacts, all of which expire together unless it is accepted.
-- ARGV: version id, record (JSON), life in ms, then per artifact: sha256, kind, content
--   kind `stored`: content is kept here · `file`: the caller writes a file next · `kept`: must be here already
-- Answers 1; 0 when a kept artifact is gone, and then nothing has changed.

local now = now_ms()
local ends = now + tonumber(ARGV[3])
for i = 4, #ARGV, 3 do
  if ARGV[i + 1] == 'kept' and redis.call('ZCOUNT', 'isolane:artifact-claims:' .. ARGV[i], '(' .. now, '+inf') == 0 then return 0 end
end
for i = 4, #ARGV, 3 do
  local sha256, kind, content = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  if kind == 'stored' then redis.call('SET', 'isolane:artifact:' .. sha256, content) end
  redis.call('ZADD', 'isolane:artifact-claims:' .. sha256, ends, ARGV[1])
  settle_claims(sha256, now)
end
redis.call('SET', 'isolane:version:' .. ARGV[1], ARGV[2], 'PXAT', ends)
return 1
