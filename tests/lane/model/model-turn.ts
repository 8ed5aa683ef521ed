import { GAUGES, INTEGRALS, type LaneState, rounded } from './lane-state.ts'
import type { Turn } from './model-fairness.ts'

/** One verb on a lane: `commit` when it has changed something, or might have. */
export function beginTurn(lane: LaneState): { turn: Turn; commit: () => void } {
  const before = { ...lane.sum, sole: lane.sole, reserved: lane.reserved } as Record<string, number | string>
  const [worker, key, until] = lane.reserved.split('|')
  const holds = Number(until ?? 0) > lane.now
  const turn: Turn = {
    size: undefined,
    readyEmpty: undefined,
    reservedWorker: holds ? worker : undefined,
    reservedKey: holds ? key : undefined,
    taken: new Set(),
    versions: new Map(),
    out: new Map(),
    records: [],
  }
  const commit = (): void => {
    for (const v of turn.versions.values()) {
      if (!v.changed) continue
      const fields = lane.versions.get(v.id) ?? new Map<string, string>()
      for (const [field, value] of v.write) {
        if (value === false) fields.delete(field)
        else fields.set(field, value)
      }
      if (fields.size > 0) lane.versions.set(v.id, fields)
      else lane.versions.delete(v.id)
    }
    for (const [name, fields] of turn.out) if (lane.streams.has(name)) lane.append(name, fields)
    if (turn.records.length > 0)
      lane.append(
        'usage',
        turn.records.flatMap((record) => ['r', record]),
      )
    writeSums(lane, before)
    for (const tenant of lane.tenants.values()) {
      for (const flow of [tenant.s, tenant.a]) for (const name of ['tag', 'v', 'work'] as const) flow[name] = rounded(flow[name])
    }
    for (const fn of lane.functions.values()) for (const line of [fn.s, fn.a]) line.tag = rounded(line.tag)
  }
  return { turn, commit }
}

/** What stood until now has stood since the last verb. */
function writeSums(lane: LaneState, before: Readonly<Record<string, number | string>>): void {
  const { sum } = lane
  if ((before.at as number) > 0) {
    for (const gauge of GAUGES) {
      const integral = INTEGRALS[gauge as keyof typeof INTEGRALS]
      if (integral !== undefined) sum[integral] = (sum[integral] as number) + (before[gauge] as number) * (lane.now - (before.at as number))
    }
  }
  sum.at = lane.now
  const after: Readonly<Record<string, number | string>> = { ...sum, sole: lane.sole, reserved: lane.reserved }
  for (const name of Object.keys(after)) if (after[name] !== before[name]) lane.written.add(name)
  for (const name of Object.keys(sum)) sum[name] = rounded(sum[name] as number)
}

/** Tells the controller that work waits for want of capacity, not more often than it can make use of. */
export function poke(lane: LaneState): void {
  if (lane.now - (lane.sum.poked as number) < 20) return
  lane.sum.poked = lane.now
  lane.append('poke', ['at', String(lane.now)])
  lane.stream('poke').entries.splice(0, lane.stream('poke').entries.length - 1)
}
