-- ARGV: tenant, now, scope, prefix, the key after which to begin (or nothing), limit, most bytes of names and metadata
-- Answers {freed, the last key looked at if there may be more after it (else nothing), [name, head, …]}. A page ends
-- early, even empty, after many expired keys: each of them is gone then, so the next page gets further.

local MOST_LOOKED_AT = 2000
-- What the head of a key that never expires begins with.
local ZERO = string.byte('0')

reclaim(FEW)
local scope, prefix, limit, most_bytes = ARGV[3], ARGV[4], tonumber(ARGV[6]), tonumber(ARGV[7])
local from = ARGV[5] == '' and '[' .. prefix or '(' .. ARGV[5]
-- No UTF-8 text has a byte 255.
local to = '(' .. prefix .. '\255'
local page, count, bytes, looked_at, last = {}, 0, 0, 0, ''
while true do
  local wanted = limit - count + 1
  local keys = redis.call('ZRANGEBYLEX', names(scope), from, to, 'LIMIT', 0, wanted)
  if #keys == 0 then return { freed, '', page } end
  local texts = redis.call('HMGET', heads(scope), unpack(keys))
  for i, key in ipairs(keys) do
    if count == limit or bytes >= most_bytes or looked_at == MOST_LOOKED_AT then return { freed, last, page } end
    local text = texts[i]
    -- Not parsed unless it must be: nearly all of a list's time would go there.
    if string.byte(text) ~= ZERO and is_expired(parse_head(text)) then
      forget(scope, key, parse_head(text))
    else
      count, bytes = count + 1, bytes + #key + #text
      page[2 * count - 1], page[2 * count] = key, text
    end
    looked_at, last = looked_at + 1, key
  end
  if #keys < wanted then return { freed, '', page } end
  from = '(' .. last
end
