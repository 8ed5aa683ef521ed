-- An artifact lives as long as a version claims it. `isolane:artifact-claims:<sha256>` scores each claiming version with the time
-- its claim ends (ms since 1970): ten minutes on for a candidate, +inf once accepted. So what a crashed deploy leaves behind goes by itself.
-- Scripts of this folder name their keys themselves: the store is one server, never a cluster.

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Gives the claims and the artifact the life of the longest claim. Answers true when there is none left and both are gone.
local function settle_claims(sha256, now)
  local claims, artifact = 'isolane:artifact-claims:' .. sha256, 'isolane:artifact:' .. sha256
  redis.call('ZREMRANGEBYSCORE', claims, '-inf', now)
  local longest = redis.call('ZRANGE', claims, -1, -1, 'WITHSCORES')
  if #longest == 0 then
    redis.call('DEL', claims, artifact)
    return true
  end
  for _, key in ipairs({ claims, artifact }) do
    if longest[2] == 'inf' then
      redis.call('PERSIST', key)
    else
      redis.call('PEXPIREAT', key, longest[2])
    end
  end
  return false
end

-- Removes one version's record and its claims. Appends to `gone` the artifacts nobody claims any more.
local function free_version(version_id, artifacts, now, gone)
  redis.call('DEL', 'isolane:version:' .. version_id)
  for _, sha256 in ipairs(artifacts) do
    redis.call('ZREM', 'isolane:artifact-claims:' .. sha256, version_id)
    if settle_claims(sha256, now) then gone[#gone + 1] = sha256 end
  end
end
