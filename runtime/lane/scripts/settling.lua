-- Shared by settle and reconcile: the end of a lease by its worker's word.
local function settle_lease(worker, lease, stats, frame, record)
  local f, v = release(worker.id, lease)
  local cpu, wait, run, mark = match(stats, '^([^|]*)|([^|]*)|([^|]*)|?([1n]?)$')
  local booked = max(0, now - lease.started)
  -- At least what it used of a core: a nested call books none, and one run in twenty says little about a version's mean.
  move_tags(f, lease.class, max(booked * dominant(lease.mb, lease.share), min(booked, tonumber(cpu))) - lease.cost)
  -- A first load says nothing about how the function runs, nor does what never ran.
  if lease.trigger ~= 'deploy' and mark ~= 'n' then observe(v, tonumber(cpu), tonumber(wait), booked) end
  sum.settled, sum.runMs, sum.cpuMs = sum.settled + 1, sum.runMs + tonumber(run), sum.cpuMs + tonumber(cpu)
  reply(lease.gateway, 'f', lease.key, frame)
  conclude(lease, 'f', frame, mark ~= 'n', mark == '1')
  records[#records + 1] = record
end
