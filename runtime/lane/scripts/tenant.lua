-- tenant: the settings of a tenant that act at once. An older revision than the lane has changes nothing.
-- ARGV  tenant, revision, weight, lane it has moved to ('' for none), ms for which it shall wait here (0: not at all)
-- Returns the revision in force.
local t = load_tenant(ARGV[1])
local revision = tonumber(ARGV[2])
if revision >= t.rev then
  local was = t.weight
  t.rev, t.weight, t.moved = revision, tonumber(ARGV[3]), ARGV[4]
  changed_tenants[t.name] = t
  for _, flow in ipairs({ t.s, t.a }) do
    if flow.queued > 0 then sum.backlogWeight = max(0, sum.backlogWeight + weight_of(flow) * (1 - was / t.weight)) end
  end
  local ms = tonumber(ARGV[5])
  if ms > 0 then pause_tenant(t, now + ms) else resume_tenant(t) end
  claim(16)
  commit()
end
return t.rev
