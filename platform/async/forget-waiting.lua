-- Takes a tenant from the list of those with something to do, unless something came since the list was read.
-- ARGV: tenant, its score then. Answers 1 when it is off the list.

if redis.call('ZSCORE', 'isolane:events-waiting', ARGV[1]) ~= ARGV[2] then return 0 end
return redis.call('ZREM', 'isolane:events-waiting', ARGV[1])
