-- One step from one revision of a function to the next: its state, the version that became real, the versions that went.
-- ARGV: tenant, name, expected revision (0: never heard of), new revision, new state (JSON), `listed` or `unlisted`, plan (JSON)
--   plan: {accept?: {versionId, record, artifacts}, free: [{versionId, artifacts}], secrets?: {name: sealed text, or null to remove it}}
-- Answers {'conflict'} when another change was first, {'expired'} when the candidate is gone, and nothing has changed then;
-- else {'done', sha256 of each artifact that nobody claims any more …}. Tells `isolane:changes` in the same step.

local tenant, name, plan = ARGV[1], ARGV[2], cjson.decode(ARGV[7])
local key = 'isolane:function:' .. tenant .. '/' .. name
if (redis.call('HGET', key, 'revision') or '0') ~= ARGV[3] then return { 'conflict' } end

local now, answer = now_ms(), { 'done' }
local accept = plan.accept
if accept then
  local record = 'isolane:version:' .. accept.versionId
  if redis.call('EXISTS', record) == 0 then return { 'expired' } end
  redis.call('SET', record, accept.record)
  for _, sha256 in ipairs(accept.artifacts) do
    redis.call('ZADD', 'isolane:artifact-claims:' .. sha256, '+inf', accept.versionId)
    settle_claims(sha256, now)
  end
end
for _, freed in ipairs(plan.free) do free_version(freed.versionId, freed.artifacts, now, answer) end

local secrets = 'isolane:secrets:' .. tenant .. '/' .. name
for secret, sealed in pairs(plan.secrets or {}) do
  if sealed == cjson.null then
    redis.call('HDEL', secrets, secret)
  else
    redis.call('HSET', secrets, secret, sealed)
  end
end
if ARGV[6] == 'unlisted' then redis.call('DEL', secrets) end

redis.call('HSET', key, 'revision', ARGV[4], 'state', ARGV[5])
if ARGV[6] == 'listed' then
  redis.call('SADD', 'isolane:functions:' .. tenant, name)
else
  redis.call('SREM', 'isolane:functions:' .. tenant, name)
end
redis.call('PUBLISH', 'isolane:changes', 'function:' .. tenant .. '/' .. name)
return answer
