import { setTimeout as pause } from 'node:timers/promises'
import { hasAsyncDoor, statusOf } from './async-events.ts'
import { audit, type Claim, type Evidence } from './audit.ts'
import { leftInLane, readUsage, type UsageLine } from './books.ts'
import { type CallRecord, isAccepted, makeCalls } from './calls.ts'
import { Deployment } from './deployment.ts'
import { FUNCTIONS } from './functions.ts'
import { Kin } from './kin.ts'
import { Probe } from './probe.ts'
import { randomFrom } from './random.ts'
import { chooseTroubles, type Struck, strike, type TroubleName } from './troubles.ts'
import { openWitness } from './witness.ts'

export interface StoryOptions {
  readonly seed: number
  /** How long there is load. */
  readonly seconds: number
  readonly perSecond: number
  readonly troubles: readonly TroubleName[]
  /** About so much lies between the end of a trouble and the next. */
  readonly gapMs: number
  /** Told what happens, a line at a time. */
  readonly say: (line: string) => void
}

export interface Told {
  readonly claims: readonly Claim[]
  readonly evidence: Evidence
  readonly withAsync: boolean
  /** What the parts printed. */
  readonly output: string
}

const CALM_MS = 1_500
/** For what was under way to end, be settled, and reach the ledger. */
const QUIET_WITHIN_MS = 20_000
const EVENTS_WITHIN_MS = 60_000
const RECOVERY_WITHIN_MS = 15_000

/** Starts a deployment, calls it on and on, does things to it, lets it come to rest, and looks at what is left. */
export async function tell({ seed, seconds, perSecond, troubles, gapMs, say }: StoryOptions): Promise<Told> {
  await using cleanup = new AsyncDisposableStack()
  const kin = new Kin()
  // Whatever goes wrong here, nobody outlives it.
  cleanup.defer(async () => {
    await kin.stop()
    kin.end()
  })
  const witness = cleanup.use(await openWitness())
  const deployment = cleanup.use(await Deployment.start(witness.address))
  await Promise.all(FUNCTIONS.map((one) => deployment.deploy(one, witness.url)))
  const withAsync = await hasAsyncDoor(deployment)
  if (!withAsync) say('No async events in this story: this platform does not take "Prefer: respond-async" yet.')

  const probe = new Probe(deployment)
  cleanup.defer(() => probe.stop())
  const over = new AbortController()
  const endsAt = Date.now() + seconds * 1_000
  const calling = makeCalls({ deployment, perSecond, random: randomFrom(seed), withAsync, until: over.signal })
  const struck: Struck[] = []
  const random = randomFrom(seed + 1)
  for (const name of chooseTroubles(troubles, Math.ceil((seconds * 1_000) / gapMs), random)) {
    await pause(gapMs * (0.5 + random()))
    if (Date.now() > endsAt - CALM_MS) break
    say(name)
    struck.push(await strike(name, deployment, random))
  }
  await pause(Math.max(0, endsAt - Date.now()))
  over.abort()
  say('Quiet.')
  const calls = await calling
  await until(() => probe.answersSince(struck.at(-1)?.over ?? 0), RECOVERY_WITHIN_MS)
  const recoveries = struck.map(({ at }, i) => probe.longestOutage(at, struck[i + 1]?.at ?? Number.POSITIVE_INFINITY))
  await probe.stop()

  const eventIds = calls.flatMap(({ kind, status, id }) => (kind === 'async' && status === 202 && id !== undefined ? [id] : []))
  const events = await statusOf(deployment, eventIds, EVENTS_WITHIN_MS)
  const left = await comesToRest(deployment)
  const usage = await fullUsage(deployment, calls)
  const orphans = kin.orphans()
  await deployment[Symbol.asyncDispose]()
  const evidence = {
    calls,
    struck,
    recoveries,
    usage,
    entered: witness.entered(),
    events,
    leftInLane: left,
    orphans: [...orphans, ...kin.survivors()],
  }
  const output = [deployment.controller, ...deployment.gateways].map(({ name, output }) => `--- ${name}\n${output}`).join('\n')
  return { claims: audit(evidence), evidence, withAsync, output }
}

async function comesToRest(deployment: Deployment): Promise<string[]> {
  let left: string[] = []
  await until(async () => {
    left = await leftInLane(deployment)
    return left.length === 0
  }, QUIET_WITHIN_MS)
  return left
}

/** As soon as it has every accepted call; what it has, when that does not come. */
async function fullUsage(deployment: Deployment, calls: readonly CallRecord[]): Promise<UsageLine[]> {
  const accepted = calls.filter(isAccepted)
  let usage: UsageLine[] = []
  await until(async () => {
    const read = await readUsage(deployment)
    usage = read ?? usage
    const known = new Set(usage.map(({ id }) => id))
    return read !== undefined && accepted.every(({ id }) => known.has(id as string))
  }, QUIET_WITHIN_MS)
  return usage
}

/** Resolves when it holds, or when that has taken too long. */
async function until(holds: () => boolean | Promise<boolean>, withinMs: number): Promise<void> {
  for (const endAt = performance.now() + withinMs; performance.now() < endAt; await pause(200)) {
    if (await holds()) return
  }
}
