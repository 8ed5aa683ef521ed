-- forget: answers of asynchronous invocations whose sender has them safe.
-- ARGV  per item: function, id/attempt
-- Returns how many were kept.
local dropped = 0
for i = 1, #ARGV, 2 do
  local tenant = load_tenant(match(ARGV[i], '^[^/]*'))
  local name = ARGV[i] .. ':' .. ARGV[i + 1]
  local entry = call('HMGET', P .. 'idem:' .. name, 'state', 'answer')
  if entry[1] == 'done' or entry[1] == 'large' then
    drop_kept(tenant, int(#(entry[2] or '') + ENTRY_BYTES) .. '|' .. name)
    changed_tenants[tenant.name] = tenant
    dropped = dropped + 1
  end
end
commit()
return dropped
