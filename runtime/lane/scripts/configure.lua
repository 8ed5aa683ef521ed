-- configure: the settings of a function that act at once. An older revision than the lane has changes nothing.
-- ARGV  function, revision, maxConcurrency (0 switches it off: what waits is answered `cancelled`)
-- Returns the revision in force.
local f = load_function(ARGV[1])
local revision = tonumber(ARGV[2])
if revision > f.rev then
  f.rev, f.cap = revision, tonumber(ARGV[3])
  changed_functions[f.key] = f
  if f.cap == 0 then
    for _, entry in ipairs(call('LRANGE', P .. 'q:' .. f.key, 0, -1)) do
      local head, accepted, payload = read_job(string.match(entry, '|(.*)$'))
      if head then
        unqueue(head, payload)
        push(del, P .. 'inv', head.key)
        verdict(head, accepted, 0, '', 'cancelled', { kind = 'cancelled' })
      end
    end
    call('DEL', P .. 'q:' .. f.key)
  end
  file_ready(f)
  claim(16)
  commit()
end
return f.rev
