-- Removes a candidate and what only it claimed. Does nothing to one that is not there, or was accepted: an acceptance whose
-- answer got lost looks like a failure to whoever waited for it.
-- ARGV: version id, then the sha256 of each of its artifacts
-- Answers the sha256 of the artifacts that nobody claims any more.

local artifacts, gone = {}, {}
for i = 2, #ARGV do
  if redis.call('ZSCORE', 'isolane:artifact-claims:' .. ARGV[i], ARGV[1]) == 'inf' then return gone end
  artifacts[#artifacts + 1] = ARGV[i]
end
free_version(ARGV[1], artifacts, now_ms(), gone)
return gone
