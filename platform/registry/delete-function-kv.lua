-- Removes records of one scope, not more than others should wait for.
-- ARGV: tenant, 0 (what has expired goes like all else), scope
-- Answers {freed, how many records are left}.

local scope = ARGV[3]
for _, key in ipairs(redis.call('ZRANGE', names(scope), 0, 499)) do
  local head = find(scope, key)
  if head then forget(scope, key, head) end
end
return { freed, redis.call('ZCARD', names(scope)) }
