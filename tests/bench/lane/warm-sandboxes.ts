import { victims } from '../../../runtime/worker/eviction.ts'
import type { Work } from './modelled-function.ts'

interface WarmSandbox {
  readonly versionId: string
  readonly concurrency: number
  readonly initMs: number
  readonly heapMb: number
  riders: number
  uses: number
  lastUsedAt: number
}

/** The sandboxes of a modelled worker under its memory budget; who goes is chosen as a worker chooses it. */
export class WarmSandboxes {
  readonly #budgetMb: number
  readonly #byVersion = new Map<string, WarmSandbox[]>()
  readonly #changed = new Set<string>()
  #usedMb = 0
  #evictionClock = 0

  constructor(budgetMb: number) {
    this.#budgetMb = budgetMb
  }

  /** A place in a sandbox of this version, and whether the sandbox had to be made. */
  enter(versionId: string, concurrency: number, work: Work, nowMs: number): { cold: boolean; leave: () => void } {
    const kept = this.#byVersion.get(versionId) ?? []
    const warm = kept.find(({ riders }) => riders < concurrency)
    const sandbox = warm ?? { versionId, concurrency, initMs: work.coldCpuMs, heapMb: work.sandboxMb, riders: 0, uses: 0, lastUsedAt: nowMs }
    if (warm === undefined) {
      this.#byVersion.set(versionId, [...kept, sandbox])
      this.#usedMb += sandbox.heapMb
      this.#changed.add(versionId)
    }
    sandbox.riders++
    sandbox.uses++
    sandbox.lastUsedAt = nowMs
    this.#evict(nowMs)
    return {
      cold: warm === undefined,
      leave: () => {
        sandbox.riders--
        // As a worker does: what ran is among what it tells with its settle.
        this.#changed.add(versionId)
      },
    }
  }

  /** Riders that its sandboxes can carry, per version. */
  resident(which: 'all' | 'changed'): Map<string, number> {
    const report = new Map<string, number>()
    const named = which === 'all' ? new Set([...this.#changed, ...this.#byVersion.keys()]) : this.#changed
    for (const versionId of named) {
      const carried = (this.#byVersion.get(versionId) ?? []).reduce((sum, { concurrency }) => sum + concurrency, 0)
      report.set(versionId, carried)
    }
    this.#changed.clear()
    return report
  }

  #evict(nowMs: number): void {
    const excessMb = this.#usedMb - this.#budgetMb
    if (excessMb <= 0) return
    const idle = [...this.#byVersion.values()].flat().filter(({ riders }) => riders === 0)
    const { evict, clock } = victims(idle, excessMb, this.#evictionClock, nowMs)
    this.#evictionClock = clock
    for (const sandbox of evict) {
      const left = (this.#byVersion.get(sandbox.versionId) ?? []).filter((other) => other !== sandbox)
      if (left.length > 0) this.#byVersion.set(sandbox.versionId, left)
      else this.#byVersion.delete(sandbox.versionId)
      this.#usedMb -= sandbox.heapMb
      this.#changed.add(sandbox.versionId)
    }
  }
}
