import { expect } from 'vitest'
import type { Job, Snapshot, Worker } from './lane-snapshot.ts'

const STALE_MS = 750
/** A call of a verb hands out no more than this, so that after one that did, fitting work may still wait. */
const CLAIMS_AT_ONCE = 16

/** What has to be true of a lane, as far as its answers told: who was accepted, and who is done. */
export class LaneModel {
  readonly accepted = new Set<string>()
  readonly settled = new Set<string>()
  readonly caps = new Map<string, number>()
  refused = 0
  #limitHit = false
  #before: Snapshot | undefined

  /** The invariants of a lane, after any verb. */
  check(after: Snapshot): void {
    for (const worker of after.workers) this.#checkWorker(worker)
    this.#checkFunctions(after)
    this.#checkPlaces(after)
    this.#checkSums(after)
    this.#checkNothingFitsThatWaits(after)
    this.#before = after
  }

  #checkWorker(worker: Worker): void {
    expect(worker, `free = capacity - leases of ${worker.id}`).toMatchObject({
      freeMb: worker.capacityMb - total(worker.leases, 'mb'),
      freeCpuMilli: 1_000 - total(worker.leases, 'share'),
      running: worker.leases.length,
    })
    expect(worker.freeMb, `memory of ${worker.id}`).toBeGreaterThanOrEqual(0)
    expect(worker.freeCpuMilli, `CPU of ${worker.id}`).toBeGreaterThanOrEqual(0)
  }

  #checkFunctions(after: Snapshot): void {
    const leases = after.workers.flatMap((worker) => worker.leases)
    const ready = new Map<string, number>()
    for (const [fn, { cap, running, queued, list }] of after.functions) {
      expect(cap, `cap of ${fn}`).toBe(this.caps.get(fn))
      expect(running, `running of ${fn}`).toBe(leases.filter((lease) => lease.fn === fn).length)
      const before = this.#before?.functions.get(fn)
      if (before !== undefined && running > before.running) expect(running, `running of ${fn} beside its cap`).toBeLessThanOrEqual(cap)
      const jobs = [...after.jobs.values()].filter((job) => job.fn === fn)
      expect(queued, `queued of ${fn}`).toBe(jobs.length)
      expect(list.map(({ key }) => key).sort(), `queue of ${fn}`).toEqual(jobs.map(({ key }) => key).sort())
      expect(
        list.map(({ acceptedAt }) => acceptedAt),
        `order of ${fn}`,
      ).toEqual(list.map(({ acceptedAt }) => acceptedAt).sort((a, b) => a - b))
      if (list[0] !== undefined && running < cap) ready.set(fn, list[0].acceptedAt)
    }
    expect(after.ready, 'ready holds exactly what could start').toEqual(ready)
  }

  /** Everybody accepted is in exactly one place: a queue, a lease, or the record. */
  #checkPlaces(after: Snapshot): void {
    const open: Record<string, string> = {}
    for (const key of after.jobs.keys()) open[key] = 'q'
    const hints = new Map<string, number>()
    for (const { id, leases } of after.workers) {
      for (const { key, versionId } of leases) {
        expect(open[key], `${key} has one place`).toBeUndefined()
        open[key] = id
        hints.set(`${versionId}@${id}`, (hints.get(`${versionId}@${id}`) ?? 0) + 1)
      }
    }
    expect(after.inv, 'what the lane says it has').toEqual(open)
    expect(after.orphans, 'leases nobody holds').toEqual([])
    expect([...after.due].sort(), 'due').toEqual([...after.jobs.keys()].sort())
    const here = new Set(after.workers.map(({ id }) => id))
    expect(new Map([...after.leasedHints].filter(([name]) => here.has(name.split('@')[1] as string))), 'leased per version').toEqual(hints)

    for (const key of after.recorded.slice(this.#before?.recorded.length ?? 0)) {
      expect(this.settled.has(key), `${key} settles once`).toBe(false)
      this.settled.add(key)
    }
    expect(after.recorded.length, 'one record each').toBe(this.settled.size)
    expect([...after.replied].sort(), 'one reply each').toEqual([...this.settled].sort())
    expect(new Set([...Object.keys(open), ...this.settled]), 'nobody is forgotten').toEqual(this.accepted)
    expect(
      Object.keys(open).filter((key) => this.settled.has(key)),
      'and nobody runs after the record',
    ).toEqual([])
  }

  #checkSums(after: Snapshot): void {
    const jobs = [...after.jobs.values()]
    const leases = after.workers.flatMap((worker) => worker.leases)
    const { arrivals = 0, refused = 0, settled = 0, queued = 0, queuedMb = 0, queuedCpu = 0, queuedBytes = 0, ...rest } = after.sum
    const { inFlight = 0, inFlightMb = 0, inFlightCpu = 0 } = rest
    expect({ arrivals, refused, settled, queued, queuedMb, queuedCpu, queuedBytes, inFlight, inFlightMb, inFlightCpu }, 'sums').toEqual({
      arrivals: this.accepted.size,
      refused: this.refused,
      settled: this.settled.size,
      queued: jobs.length,
      queuedMb: total(jobs, 'mb'),
      queuedCpu: total(jobs, 'share'),
      queuedBytes: jobs.reduce((sum, { bytes }) => sum + bytes, 0),
      inFlight: leases.length,
      inFlightMb: total(leases, 'mb'),
      inFlightCpu: total(leases, 'share'),
    })
  }

  #checkNothingFitsThatWaits(after: Snapshot): void {
    const started = (this.#before?.jobs.size ?? 0) - after.jobs.size
    if (started >= CLAIMS_AT_ONCE) this.#limitHit = true
    const fitting = [...after.ready.keys()].filter((fn) => {
      const head = after.jobs.get(after.functions.get(fn)?.list[0]?.key ?? '')
      return head !== undefined && after.workers.some((worker) => fits(head, after.shares.get(head.versionId) ?? 250, worker, after.now))
    })
    if (fitting.length === 0) this.#limitHit = false
    if (!this.#limitHit) expect(fitting, 'heads that wait beside room for them').toEqual([])
  }
}

function fits(head: Job, share: number, worker: Worker, now: number): boolean {
  const takes = worker.state === 'r' && now - worker.beatAt < STALE_MS
  return takes && worker.freeMb >= head.mb && (worker.freeCpuMilli >= share || worker.running === 0)
}

function total(jobs: readonly Job[], what: 'mb' | 'share'): number {
  return jobs.reduce((sum, job) => sum + job[what], 0)
}
