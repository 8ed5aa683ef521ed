-- ARGV: tenant, now, scope, key
-- Answers {freed}, or {freed, size, blob or -, metadata, value (empty with a blob)}.

reclaim(FEW)
local head = find(ARGV[3], ARGV[4])
if not head then return { freed } end
local value = head.blob == '-' and redis.call('HGET', values(ARGV[3]), ARGV[4]) or ''
return { freed, head.size, head.blob, head.metadata, value }
