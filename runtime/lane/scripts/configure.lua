-- configure: the settings of a function that act at once. An older revision than the lane has changes nothing.
-- ARGV  function, revision, maxConcurrency (0 switches it off: what waits is answered `cancelled`)
-- Returns the revision in force.
local f = load_function(ARGV[1])
local revision = tonumber(ARGV[2])
if revision > f.rev then
  f.rev, f.cap = revision, tonumber(ARGV[3])
  changed_functions[f.key] = f
  if f.cap == 0 then
    for _, class in ipairs({ 's', 'a' }) do
      local line = P .. 'q:' .. class .. ':' .. f.key
      for _, entry in ipairs(call('LRANGE', line, 0, -1)) do
        local head, payload = read_job(select(7, match(entry, ENTRY)))
        if head then
          unqueue(head, payload)
          write(P .. 'inv', head.key, false)
          verdict(head, head.accepted, 0, '', 'cancelled', { kind = 'cancelled' })
        end
      end
      call('DEL', line)
    end
  end
  file_both(f)
  claim(16)
  commit()
end
return f.rev
