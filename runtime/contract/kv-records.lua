-- The key-value records of one tenant, for all scripts that touch them. They come after this file, and get the tenant as ARGV[1]
-- and the time (ms since 1970) as ARGV[2]. A scope is `tenant` or `function/<name>`; a key is any bytes.
--
--   isolane:kv:<tenant>:heads:<scope>   key → `<expires at, ms; 0: never> <bytes it counts> <bytes of the value> <blob or -> <metadata>`
--   isolane:kv:<tenant>:values:<scope>  key → value, unless a blob has it
--   isolane:kv:<tenant>:names:<scope>   the keys, in order of their bytes
--   isolane:kv:<tenant>:expiries        `<scope>:<key>` by when it expires: over all scopes, so that any call reclaims for all
--   isolane:kv:<tenant>:used            sum of the bytes all heads count
--   isolane:kv-blobs                    ids of the files that heads of any tenant point to

local kv, now = 'isolane:kv:' .. ARGV[1], tonumber(ARGV[2])
local expiries, used, blobs = kv .. ':expiries', kv .. ':used', 'isolane:kv-blobs'
-- Files that no record points to any more: each script answers them first, whoever called it removes them.
local freed = {}
-- Expired records that any call takes along.
local FEW = 10

local function heads(scope) return kv .. ':heads:' .. scope end
local function values(scope) return kv .. ':values:' .. scope end
local function names(scope) return kv .. ':names:' .. scope end

local function parse_head(text)
  local expires_at, charge, size, blob, metadata = string.match(text, '^(%d+) (%d+) (%d+) (%S+) (.*)$')
  return { expires_at = expires_at, charge = tonumber(charge), size = size, blob = blob, metadata = metadata }
end

local function is_expired(head)
  return head.expires_at ~= '0' and tonumber(head.expires_at) <= now
end

-- Removes a record and gives its bytes back.
local function forget(scope, key, head)
  redis.call('HDEL', heads(scope), key)
  redis.call('ZREM', names(scope), key)
  if head.expires_at ~= '0' then redis.call('ZREM', expiries, scope .. ':' .. key) end
  if head.blob == '-' then
    redis.call('HDEL', values(scope), key)
  else
    redis.call('SREM', blobs, head.blob)
    freed[#freed + 1] = head.blob
  end
  if redis.call('DECRBY', used, head.charge) == 0 then redis.call('DEL', used) end
end

-- The head of a key; nil when there is none, or it has expired, and then it is gone.
local function find(scope, key)
  local text = redis.call('HGET', heads(scope), key)
  if not text then return nil end
  local head = parse_head(text)
  if not is_expired(head) then return head end
  forget(scope, key, head)
  return nil
end

-- Removes up to `most` expired records, longest expired first. Answers how many.
local function reclaim(most)
  local due = redis.call('ZRANGEBYSCORE', expiries, '-inf', ARGV[2], 'LIMIT', 0, most)
  for _, member in ipairs(due) do
    find(string.match(member, '^([^:]+):(.*)$'))
    redis.call('ZREM', expiries, member)
  end
  return #due
end
