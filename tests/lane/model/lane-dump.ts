import type { Flow, Fn, Line, Tenant, Worker } from './lane-shapes.ts'
import type { LaneState } from './lane-state.ts'
import { decimal, leaseText } from './model-placing.ts'
import { jobText } from './model-queue.ts'

/** Key, without its lane's prefix → what it holds: fields, scores, or entries. */
export type Dump = Readonly<Record<string, unknown>>

/** All keys of the lane whose prefix is KEYS[1], in one answer: JSON of name, type and content. */
export const DUMP_LUA = `
local all = {}
for _, key in ipairs(redis.call('KEYS', KEYS[1] .. '*')) do
  local kind = redis.call('TYPE', key).ok
  local content
  if kind == 'hash' then content = redis.call('HGETALL', key)
  elseif kind == 'zset' then content = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
  elseif kind == 'list' then content = redis.call('LRANGE', key, 0, -1)
  elseif kind == 'set' then content = redis.call('SMEMBERS', key)
  elseif kind == 'stream' then content = redis.call('XRANGE', key, '-', '+')
  else content = redis.call('GET', key) end
  all[#all + 1] = { string.sub(key, #KEYS[1] + 1), kind, content }
end
return cjson.encode(all)`

/** What the lane in Redis holds, as the model would put it. */
export function readDump(json: string): Dump {
  const dump: Record<string, unknown> = {}
  for (const [name, kind, content] of JSON.parse(json) as [string, string, never][]) {
    if (kind === 'hash') dump[name] = Object.fromEntries(pairs(content).map(([field, value]) => [field, canonical(value)]))
    else if (kind === 'zset') dump[name] = Object.fromEntries(pairs(content).map(([member, score]) => [member, Number(score)]))
    else if (kind === 'set') dump[name] = [...(content as string[])].sort()
    else if (kind === 'stream') dump[name] = Array.from(content as [string, string[]][], ([id, fields]) => [id, ...fields.map(canonical)])
    else dump[name] = content
  }
  withoutEmptyBooks(dump, 'functions', EMPTY_FUNCTION)
  withoutEmptyBooks(dump, 'tenants', EMPTY_TENANT)
  return dump
}

const EMPTY_FUNCTION = '-1 0 0 0 0 0 0 0 0 0 0'
const EMPTY_TENANT = `-1 1 ${' 0'.repeat(16)}`

/** Books that say nothing are as good as none. */
function withoutEmptyBooks(dump: Record<string, unknown>, name: string, empty: string): void {
  const books = Object.entries(dump[name] ?? {}).filter(([, text]) => text !== empty)
  if (books.length > 0) dump[name] = Object.fromEntries(books)
  else delete dump[name]
}

function pairs(flat: readonly string[]): [string, string][] {
  return flat.flatMap((field, i) => (i % 2 === 0 ? [[field, flat[i + 1] as string]] : []))
}

/** Lua writes the fields of an object in no order: here by name. A usage record is told by what the lane itself has put in. */
export function canonical(written: string): string {
  const text = written.replace(/\b\d+\.\d{6}\b/g, (number) => String(Number(number)))
  const from = text.indexOf('{"')
  if (from < 0 || !text.endsWith('}')) return text
  const object = JSON.parse(text.slice(from)) as Record<string, unknown>
  if ('billedMs' in object) {
    const { id, attempt, outcome, acceptedAt, startedAt, worker, queueMs } = object
    return `${id}/${attempt} ${outcome} ${acceptedAt} ${startedAt} ${worker} ${queueMs}`
  }
  return text.slice(0, from) + JSON.stringify(Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1))))
}

const LINES = ['s', 'a'] as const

/** What a lane in Redis should hold. */
export function dumpOf(lane: LaneState): Dump {
  const dump: Record<string, unknown> = { run: lane.run, sum: sums(lane) }
  const put = (name: string, entries: readonly (readonly [string, unknown])[]): void => {
    if (entries.length > 0) dump[name] = Object.fromEntries(entries)
  }
  put(
    'cap',
    [...lane.workers.values()].map((worker) => [worker.id, workerText(worker)]),
  )
  put(
    'info',
    [...lane.workers.keys()].map((id) => [id, '{}']),
  )
  for (const [id, leases] of lane.leases)
    put(
      `lease:${id}`,
      [...leases.values()].map((lease) => [lease.key, leaseText(lease)]),
    )
  put('inv', [...lane.inv])
  put(
    'job',
    [...lane.jobs.values()].map((job) => [job.key, jobText(job)]),
  )
  put('due', [...lane.due])
  put('ready', [...lane.ready])
  for (const [key, members] of lane.flows) put(`flow:${key}`, [...members])
  for (const [name, line] of lane.lines) if (line.length > 0) dump[`q:${name}`] = line.map(({ text }) => text)
  put(
    'functions',
    [...lane.functions.values()].map((fn) => [fn.key, fnText(fn)]),
  )
  put(
    'tenants',
    [...lane.tenants.values()].map((one) => [one.name, tenantText(one)]),
  )
  for (const [id, fields] of lane.versions) put(`v:${id}`, [...fields])
  for (const [name, { entries }] of lane.streams) dump[name] = entries.map(({ id, fields }) => [id, ...fields])
  for (const [name, entry] of lane.idem)
    put(
      `idem:${name}`,
      Object.entries(entry).filter(([, value]) => value !== undefined),
    )
  for (const [name, members] of lane.kept) put(`kept:${name}`, [...members])
  if (lane.paused.size > 0) dump.paused = [...lane.paused].sort()
  if (lane.unheard.size > 0) dump.unheard = [...lane.unheard].sort()
  for (const [id, [epoch, number]] of lane.nacked) dump[`nacked:${id}`] = `${epoch}|${number}`
  if (lane.epoch > 0) dump.epoch = String(lane.epoch)
  if (lane.reap !== undefined) dump.reap = { at: String(lane.reap.at), run: lane.run, grace: String(lane.reap.grace) }
  withoutEmptyBooks(dump, 'functions', EMPTY_FUNCTION)
  withoutEmptyBooks(dump, 'tenants', EMPTY_TENANT)
  return dump
}

function sums(lane: LaneState): Record<string, string> {
  const all: Record<string, string> = { sole: lane.sole, reserved: lane.reserved }
  for (const [name, value] of Object.entries(lane.sum)) all[name] = decimal(value)
  return Object.fromEntries(Object.entries(all).filter(([name]) => lane.written.has(name)))
}

function workerText({ epoch, capacity, mb, cpu, running, state, beat }: Worker): string {
  return [epoch, capacity, mb, cpu, running, state, beat].join('|')
}

function fnText(fn: Fn): string {
  const line = ({ queued, tag, filed }: Line): string => `${queued} ${decimal(tag)} ${filed ? 1 : 0}`
  return `${fn.rev} ${fn.cap} ${fn.running} ${fn.struck} ${fn.boxed} ${LINES.map((cls) => line(fn[cls])).join(' ')}`
}

function tenantText(tenant: Tenant): string {
  const { rev, weight, moved, paused, mb, cpu, running, kept, bytes } = tenant
  const flow = ({ tag, v, queued, work, filed }: Flow): string => [decimal(tag), decimal(v), queued, decimal(work), filed].join(' ')
  return [rev, decimal(weight), moved, paused, mb, cpu, running, kept, bytes, ...LINES.map((cls) => flow(tenant[cls]))].join(' ')
}
