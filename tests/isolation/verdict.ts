import { budgetOf, type Finding } from './arena.ts'
import type { Attack } from './attacks/attack.ts'

const SIBLING_MB = 64
const WARM_MB = 3
/** What a cell can take between two looks of its worker (10 ms apart, more where the machine is crowded): 3 MB a millisecond. */
const BETWEEN_TWO_LOOKS_MB = 120
/** The platform's own margin before it ends a cell for its CPU or its time. */
const GRACE_MS = 250
/** Queue, cold start, a cell that must be started first, the way there and back. */
const AROUND_MS = 1_000
/** Init gets this much CPU, whatever the settings say. */
const INIT_CPU_MS = 1_000
/** Fewer processes than this want each core: then the order of guard and SIGKILL is the platform's doing, not the machine's. */
export const CALM = 1.5

export const ENDED_A_CELL = 'a cell ended, where only its sandbox had to'

/** What is not as it has to be, in words; nothing: the attack was contained. */
export function faults(attack: Attack, finding: Finding): string[] {
  const found: string[] = []
  if (!attack.may.some((allowed) => finding.outcome === allowed || finding.outcome.startsWith(`${allowed} `)))
    found.push(`its outcome was ${finding.outcome.slice(0, 300)}, allowed: ${attack.may.join(' | ')}`)
  if (finding.rescued > 0) found.push('only the watch of the tests could end its cell')
  if (finding.innocent.some((ending) => ending !== '200')) found.push(`another tenant was answered ${finding.innocent.join(', ')}`)
  const unkind = finding.sibling.filter((ending) => ending !== '200' && !(finding.radius === 'cell' && ending === '503 lost'))
  if (unkind.length > 0) found.push(`its sibling was answered ${unkind.join(', ')} with a blast radius of ${finding.radius}`)
  if (finding.radius === 'cell' && attack.radius === 'sandbox' && finding.crowding < CALM) found.push(ENDED_A_CELL)
  const mostMb = allowedGrowthMb(attack)
  if (finding.grewMb > mostMb) found.push(`a cell grew by ${Math.round(finding.grewMb)} MB, allowed: ${mostMb}`)
  const mostMs = allowedMs(attack, finding.crowding)
  if (finding.containedMs > mostMs) found.push(`it took ${Math.round(finding.containedMs)} ms, allowed: ${Math.round(mostMs)}`)
  return found
}

/**
 * A cell may hold 40 MB + 1.5 × memoryMb of the sandboxes that run in it + what warm ones hold. So it may grow by 1.5 × memoryMb
 * of the attack and of its sibling, beyond the 40 MB or whatever it held before, and by what is not seen in time.
 */
function allowedGrowthMb(attack: Attack): number {
  return 1.5 * (budgetOf(attack).memoryMb + SIBLING_MB) + WARM_MB * (attack.sandboxes ?? 0) + BETWEEN_TWO_LOOKS_MB
}

/** CPU budget and grace, as long as they take on this machine now; where an attack waits, its wall time besides. */
function allowedMs(attack: Attack, crowding: number): number {
  const { cpuMs, wallMs } = budgetOf(attack)
  const waits = attack.may.includes('exceeded wall') ? wallMs : 0
  const burns = attack.calls?.length === 1 || attack.calls === undefined ? cpuMs : INIT_CPU_MS
  // Cells are niced below everything else: their share of a crowded core is smaller than their part of the crowd.
  return waits + (burns + GRACE_MS) * 2 * crowding + AROUND_MS * crowding
}
