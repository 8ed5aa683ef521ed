-- known: which of these the lane still has, after Redis has begun anew.
-- ARGV  gateway, id of the last reply it has read ('' for none), then per item: id/attempt
-- Returns one number per item: 1 waiting, running, or answered in what the gateway has not read; 0 neither
local answered = {}
for _, entry in ipairs(call('XRANGE', P .. 'replies:' .. ARGV[1], ARGV[2] == '' and '-' or '(' .. ARGV[2], '+')) do
  for i = 1, #entry[2], 2 do answered[string.sub(entry[2][i], 3)] = true end
end
local answers = {}
for i = 3, #ARGV do
  answers[i - 2] = (answered[ARGV[i]] or call('HEXISTS', P .. 'inv', ARGV[i]) == 1) and 1 or 0
end
return answers
