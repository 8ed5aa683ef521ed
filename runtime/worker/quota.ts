import { cpuBudgetMs, INIT_CPU_MS, INIT_WALL_MS, type Limits, MAX_BUFFERED_BODY_BYTES, MAX_STREAMED_BODY_BYTES } from '../contract/limits.ts'
import type { Outcome } from '../contract/outcome.ts'
import type { SliceReport } from './cell-process.ts'

/** Measured CPU comes in ticks of 4 ms. */
const CPU_TICK_MS = 4

/** Every quota an invocation can run into, with the value that held for it. */
export type Quota = 'cpu' | 'wall' | 'memory' | 'whole reply' | 'streamed reply'

/** `wallMs`: what it had, where its caller gave it less than its `timeoutMs`. */
export function exceeded(limits: Limits, quota: Quota, phase: 'init' | 'run', wallMs = limits.timeoutMs): Outcome {
  const init = phase === 'init'
  switch (quota) {
    case 'cpu':
      return { kind: 'exceeded', limit: 'cpu', allowed: init ? INIT_CPU_MS : cpuBudgetMs(limits), unit: 'ms', phase }
    case 'wall':
      return { kind: 'exceeded', limit: 'wall', allowed: init ? INIT_WALL_MS : Math.min(wallMs, limits.timeoutMs), unit: 'ms', phase }
    case 'memory':
      return { kind: 'exceeded', limit: 'memory', allowed: limits.memoryMb, unit: 'MiB', phase }
    case 'whole reply':
      return { kind: 'exceeded', limit: 'output', allowed: MAX_BUFFERED_BODY_BYTES, unit: 'bytes', phase }
    case 'streamed reply':
      return { kind: 'exceeded', limit: 'output', allowed: MAX_STREAMED_BODY_BYTES, unit: 'bytes', phase }
  }
}

/** The guard fired, but neither quota is used up: the machine is to blame. Should be rare. */
export const MISFIRED = 'misfired'

/**
 * What a slice means for its invocation's quotas, judged after it, also when it came back by itself. undefined: it may go on.
 *
 * `cpuMs`: of the invocation so far, this slice included. `leftMs`: wall time it has left, of `wallMs`.
 */
export function judgeSlice(
  report: SliceReport,
  { cpuMs, leftMs, wallMs }: { readonly cpuMs: number; readonly leftMs: number; readonly wallMs: number },
  limits: Limits,
): Outcome | typeof MISFIRED | undefined {
  const budget = cpuBudgetMs(limits)
  if (report.end === 'memory') return exceeded(limits, 'memory', 'run')
  if (report.end === 'flood') return exceeded(limits, 'whole reply', 'run')
  if (report.end === 'gone') return { kind: 'lost', reason: 'its sandbox ended before it began', started: 'no' }
  if (cpuMs > budget + CPU_TICK_MS) return exceeded(limits, 'cpu', 'run')
  if (report.end === 'ok') return undefined
  if (leftMs <= 1) return exceeded(limits, 'wall', 'run', wallMs)
  return cpuMs >= budget - CPU_TICK_MS ? exceeded(limits, 'cpu', 'run') : MISFIRED
}

/** The same for the slice in which a module's top level runs; it has a budget of its own. */
export function judgeInit(report: SliceReport, limits: Limits): Outcome | typeof MISFIRED | undefined {
  if (report.end === 'memory') return exceeded(limits, 'memory', 'init')
  if (report.end === 'flood') return exceeded(limits, 'whole reply', 'init')
  if (report.end === 'gone') return { kind: 'lost', reason: 'its sandbox could not be made', started: 'no' }
  if (report.cpuMs > INIT_CPU_MS + CPU_TICK_MS) return exceeded(limits, 'cpu', 'init')
  if (report.end === 'ok') return undefined
  if (report.wallMs >= INIT_WALL_MS - 1) return exceeded(limits, 'wall', 'init')
  return report.cpuMs >= INIT_CPU_MS - CPU_TICK_MS ? exceeded(limits, 'cpu', 'init') : MISFIRED
}
