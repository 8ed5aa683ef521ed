import { percentile, type Row } from './figures.ts'
import type { LaneCode } from './lane-code.ts'
import { closedLoop, during, openLoop, pause } from './load.ts'
import { modelledFunctions } from './modelled-function.ts'
import { exponential, type Random, seeded } from './random.ts'
import { type Called, openRig } from './rig.ts'

const SERVICE_MS = 200
const SLOTS = 20
const OVERLOAD = 5
const OVERLOAD_MS = 10_000
const AFTER_MS = 12_000
const WINDOW_MS = 250
const WORK = { cpuMs: 2, waitMs: SERVICE_MS - 2 }

interface Sent extends Called {
  /** From the start of the overload. */
  readonly atMs: number
  readonly deadlineMs: number
}

/** Two tenants, so that neither is bounded by what one alone may take. */
const FUNCTIONS = [...modelledFunctions('a', 5, WORK), ...modelledFunctions('b', 5, WORK)]

/** Answers a second when there is always enough to do. */
async function capacityOf(code: LaneCode): Promise<number> {
  let ended = 0
  await using rig = await openRig({ code, workers: 2, capacityMb: (SLOTS / 2) * 64, onEnd: () => void ended++ })
  let next = 0
  const load = (signal: AbortSignal) => closedLoop(2 * SLOTS, signal, () => rig.call(FUNCTIONS[next++ % FUNCTIONS.length] as never))
  return await during(load, async () => {
    await pause(1_500)
    ended = 0
    await pause(4_000)
    return ended / 4
  })
}

async function overloaded(code: LaneCode, deadlineMs: number, capacity: number, random: Random) {
  let late = 0
  await using rig = await openRig({ code, workers: 2, capacityMb: (SLOTS / 2) * 64, onClaim: ({ leftMs }) => void (leftMs <= 0 && late++) })
  for (const fn of FUNCTIONS) for (let n = 0; n < 3; n++) await rig.call(fn)
  const startedAt = performance.now()
  let next = 0
  const send = async (intendedMs: number): Promise<Sent> => {
    const called = await rig.call(FUNCTIONS[next++ % FUNCTIONS.length] as never, { intendedMs, deadlineMs })
    return { ...called, atMs: intendedMs - startedAt, deadlineMs }
  }
  const at = (rate: number) => () => exponential(random, 1_000 / rate)
  const under = openLoop({ forMs: OVERLOAD_MS, nextGapMs: at(OVERLOAD * capacity), send })
  await pause(OVERLOAD_MS)
  const after = await openLoop({ forMs: AFTER_MS, nextGapMs: at(0.5 * capacity), send })
  return { under: await under, after, late }
}

function isGood({ reply, latencyMs, deadlineMs }: Sent): boolean {
  return reply.kind === 'answered' && latencyMs <= deadlineMs
}

/** From the end of the overload until a whole second of what is sent goes well. */
function recoveryMs(after: readonly Sent[], wentWell: (sent: Sent) => boolean): number {
  for (let from = 0; from + 1_000 <= AFTER_MS; from += WINDOW_MS) {
    const second = after.filter(({ atMs }) => atMs - OVERLOAD_MS >= from && atMs - OVERLOAD_MS < from + 1_000)
    if (second.filter(wentWell).length >= 0.95 * second.length) return from
  }
  return Number.POSITIVE_INFINITY
}

export async function* overload(code: LaneCode, seed: number): AsyncGenerator<Row> {
  const capacity = await capacityOf(code)
  for (const deadlineMs of [1_000, 5_000]) {
    const { under, after, late } = await overloaded(code, deadlineMs, capacity, seeded(seed))
    const inDeadline = (under.filter(isGood).length / OVERLOAD_MS) * 1_000
    const refused = under.filter(({ reply }) => reply.kind === 'refused')
    const expired = under.filter(({ reply }) => reply.kind === 'verdict')
    const overdue = under.filter((sent) => sent.reply.kind === 'answered' && !isGood(sent))
    const retryAfter = refused.map(({ reply }) => ('retryAfterMs' in reply ? Number(reply.retryAfterMs) : Number.NaN))
    const refusalMs = percentile(
      refused.map(({ latencyMs }) => latencyMs),
      0.99,
    )
    const said = `${percentile(retryAfter, 0.5).toFixed(0)} ms (p1 ${percentile(retryAfter, 0.01).toFixed(0)}, p99 ${percentile(retryAfter, 0.99).toFixed(0)})`
    const recovered = recoveryMs(after, isGood)
    const quick = recoveryMs(after, (sent) => isGood(sent) && sent.latencyMs <= 2 * SERVICE_MS)
    const words = `${OVERLOAD} × overload, deadlines of ${deadlineMs / 1_000} s`
    yield {
      claim: `${words}: answers in time ≥ 90 % of capacity`,
      figure: `${inDeadline.toFixed(0)} of ${capacity.toFixed(0)} a second: ${((100 * inDeadline) / capacity).toFixed(0)} % (${overdue.length} too late, ${expired.length} expired, ${refused.length} refused of ${under.length})`,
      met: inDeadline >= 0.9 * capacity,
    }
    yield {
      claim: `${words}: refusals at once, with a Retry-After`,
      figure: refused.length === 0 ? 'none were refused' : `p99 ${refusalMs.toFixed(0)} ms; Retry-After p50 ${said}`,
      met: refused.length > 0 && refusalMs <= 100 && retryAfter.every((ms) => ms > 0 && ms <= 2 * deadlineMs + 10_000),
    }
    yield { claim: `${words}: expired work never reaches a worker`, figure: `${late} claims without time left`, met: late === 0 }
    yield {
      claim: `${words}: ≤ 2 s after it ends, answers are in time again`,
      figure: `${recovered} ms; within twice their service time after ${quick} ms`,
      met: recovered <= 2_000,
    }
  }
}
