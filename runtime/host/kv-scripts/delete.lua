-- ARGV: tenant, now, scope, key
-- Answers {freed}.

reclaim(FEW)
local head = find(ARGV[3], ARGV[4])
if head then forget(ARGV[3], ARGV[4], head) end
return { freed }
