-- Shared by tenant and reap: a tenant that is on its way here waits until the lane it comes from has nothing of it left.
local function pause_tenant(t, until_ms)
  t.paused = until_ms
  changed_tenants[t.name] = t
  call('SADD', P .. 'paused', t.name)
  call('ZREM', P .. 'ready', t.s.key, t.a.key)
end

local function resume_tenant(t)
  if t.paused == 0 then return end
  t.paused = 0
  changed_tenants[t.name] = t
  call('SREM', P .. 'paused', t.name)
  for _, flow in ipairs({ t.s, t.a }) do
    if flow.filed > 0 then
      flow.tag = max(flow.tag, sum.v) + tie()
      make_ready(flow)
    end
  end
end
