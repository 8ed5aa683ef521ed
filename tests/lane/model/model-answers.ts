import type { Head, Idem } from './lane-shapes.ts'
import { inOrder, type LaneState } from './lane-state.ts'
import type { Turn } from './model-fairness.ts'

const KEPT_MS = 86_400_000
const MOST_KEPT_BYTES = 33_554_432
const ENTRY_BYTES = 300

export type Verdict = Readonly<Record<string, string | boolean>>

export function push(turn: Turn, stream: string, name: string, value: string): void {
  const fields = turn.out.get(stream) ?? []
  fields.push(name, value)
  turn.out.set(stream, fields)
}

export function reply(turn: Turn, gateway: string, kind: string, key: string, frame: string): void {
  push(turn, `replies:${gateway}`, `${kind}:${key}`, frame)
}

export function idemName(head: Head): string {
  return `${head.fn}:${head.idem}`
}

export function keptMember(name: string, answer: string | undefined): string {
  return `${(answer?.length ?? 0) + ENTRY_BYTES}|${name}`
}

export function dropKept(lane: LaneState, tenant: string, member: string): void {
  const [bytes, name] = [Number(member.slice(0, member.indexOf('|'))), member.slice(member.indexOf('|') + 1)]
  const books = lane.tenant(tenant)
  if (lane.kept.get(tenant)?.delete(member)) books.kept = Math.max(0, books.kept - bytes)
  const entry = lane.idem.get(name)
  if (entry !== undefined && entry.state !== 'run' && (entry.answer?.length ?? 0) + ENTRY_BYTES === bytes) lane.idem.delete(name)
}

function keep(lane: LaneState, head: Head, entry: Idem): void {
  const tenant = lane.tenant(head.fn.split('/')[0] as string)
  const kept = lane.kept.get(tenant.name) ?? new Map<string, number>()
  lane.kept.set(tenant.name, kept)
  const over = inOrder(kept).filter((member) => (kept.get(member) as number) <= lane.now)
  for (const member of over.slice(0, 10)) dropKept(lane, tenant.name, member)
  const member = keptMember(idemName(head), entry.answer)
  if (!kept.has(member)) tenant.kept += (entry.answer?.length ?? 0) + ENTRY_BYTES
  kept.set(member, lane.now + KEPT_MS)
  while (tenant.kept > MOST_KEPT_BYTES) dropKept(lane, tenant.name, inOrder(kept)[0] as string)
}

/** The end of one that others may wait for, or ask for later. */
export function conclude(lane: LaneState, turn: Turn, head: Head, kind: string, frame: string, ran: boolean, beside: boolean): void {
  const entry = lane.idem.get(idemName(head))
  if (head.idem === '' || entry?.key !== head.key) return
  for (const waiting of entry.joined?.split(' ') ?? []) {
    const [gateway, key] = waiting.split('|') as [string, string]
    if (beside) reply(turn, gateway, 'l', key, head.id)
    else reply(turn, gateway, 'r', key, kind + head.id + frame)
  }
  if (!ran && head.class !== 'a') {
    lane.idem.delete(idemName(head))
    return
  }
  delete entry.joined
  entry.state = beside ? 'large' : 'done'
  if (!beside) Object.assign(entry, { kind, answer: frame })
  keep(lane, head, entry)
}

/** What the lane says itself of what nobody ran to its end: a record and a reply. */
export function verdict(
  lane: LaneState,
  turn: Turn,
  head: Head & { readonly acceptedAt: number },
  startedAt: number,
  worker: string,
  answer: Verdict,
): void {
  turn.records.push(
    `${head.key} ${answer.kind} ${head.acceptedAt} ${startedAt} ${worker} ${(startedAt > 0 ? startedAt : lane.now) - head.acceptedAt}`,
  )
  // Words in the order of their names: scripts and model need not agree on more.
  const text = JSON.stringify(Object.fromEntries(Object.entries(answer).sort(([a], [b]) => (a < b ? -1 : 1))))
  reply(turn, head.gateway, 'v', head.key, text)
  conclude(lane, turn, head, 'v', text, answer.started === 'maybe', false)
  lane.sum.settled = (lane.sum.settled as number) + 1
}
