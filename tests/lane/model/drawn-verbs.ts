import fc from 'fast-check'

export const WORKERS = ['w1', 'w2', 'w3'] as const
export const FUNCTIONS = ['acme/a', 'acme/b', 'beta/a', 'zeta/a', 'zeta/b'] as const
export const TENANTS = ['acme', 'beta', 'zeta'] as const
export const VERSIONS = ['a'.repeat(16), 'b'.repeat(16), 'c'.repeat(16)] as const
export const GATEWAYS = ['g', 'h'] as const

const worker = fc.constantFrom(...WORKERS)
const fn = fc.constantFrom(...FUNCTIONS)
const version = fc.constantFrom(...VERSIONS)
const gateway = fc.constantFrom(...GATEWAYS)
/** Which of those there are at the moment; taken modulo their number. */
const pick = fc.nat(1_000)
const picks = fc.array(pick, { minLength: 1, maxLength: 6 })
const resident = fc.record({ version, riders: fc.nat(3) })

const item = fc.record({
  fn,
  version,
  mb: fc.constantFrom(1, 64, 100, 300, 600),
  trigger: fc.constantFrom('rpc', 'http', 'rpc', 'http', 'rpc', 'invoke', 'deploy', 'async', 'async', 'schedule'),
  bytes: fc.constantFrom(0, 1, 4, 40),
  maxWaitMs: fc.constantFrom(60_000, 60_000, 60_000, 4_000, 50),
  deadlineMs: fc.constantFrom(60_000, 60_000, 3_000),
  /** Of an idempotency key, and of what is asked under it; 0: none. */
  idem: fc.constantFrom(0, 0, 0, 0, 1, 2),
  print: fc.constantFrom(1, 1, 1, 2),
  fresh: fc.constantFrom(false, false, false, false, false, false, false, false, false, false, false, true),
})
export type DrawnItem = typeof item extends fc.Arbitrary<infer T> ? T : never

const said = {
  submit: fc.record({ gateway, items: fc.array(item, { minLength: 1, maxLength: 6 }) }),
  'submit again': fc.record({ gateway, picks }),
  /** Of what was lost, or run: its next attempt. */
  repeat: fc.record({ gateway, picks: fc.array(pick, { minLength: 1, maxLength: 2 }) }),
  settle: fc.record({
    worker,
    picks,
    cpuMs: fc.constantFrom(0, 1, 20, 200),
    waitMs: fc.constantFrom(0, 100),
    mark: fc.constantFrom('' as const, '' as const, '' as const, '1' as const, 'n' as const),
    resident,
  }),
  'settle again': fc.record({ worker, picks }),
  nack: fc.record({
    worker,
    picks,
    less: fc.constantFrom(0, 50, 500),
    number: fc.constantFrom<1 | 2 | 3 | 'next' | ''>(1, 2, 3, 'next', 'next', ''),
  }),
  cancel: fc.record({ picks }),
  join: fc.record({ worker, capacityMb: fc.constantFrom<number>(100, 600, 2_000), draining: fc.constantFrom(false, false, false, false, true) }),
  beat: fc.record({ worker, more: fc.constantFrom(0, 0, 0, 500, -300), resident }),
  drain: fc.record({ worker, back: fc.boolean() }),
  leave: fc.record({ worker }),
  read: fc.record({ worker }),
  'read replies': fc.record({ gateway }),
  reap: fc.record({ dead: fc.array(worker, { maxLength: 2 }) }),
  configure: fc.record({ fn, older: fc.constantFrom(false, false, false, true), cap: fc.constantFrom(0, 1, 2, 5, 100) }),
  tenant: fc.record({
    tenant: fc.constantFrom(...TENANTS),
    older: fc.constantFrom(false, false, false, true),
    weight: fc.constantFrom(1, 1, 2, 0.5, 3),
    waitMs: fc.constantFrom(0, 0, 100, 30_000),
    moved: fc.constantFrom(false, false, false, false, true),
  }),
  forget: fc.record({ picks }),
  known: fc.record({ gateway, picks }),
  /** The controller says how many workers it is bringing up. */
  starting: fc.record({ workers: fc.nat(3) }),
  restart: fc.record({ gateway }),
  reconcile: fc.record({
    worker,
    /** Of what it holds: what it runs, what it has settled; the rest it has never heard of, if it has not still to read it. */
    fates: fc.array(fc.constantFrom('runs' as const, 'runs' as const, 'settled' as const, 'unknown' as const), { minLength: 1, maxLength: 6 }),
    /** It also runs, or has settled, something that the lane has queued, or forgotten. */
    strange: fc.option(fc.record({ pick, runs: fc.boolean(), forgotten: fc.boolean() })),
    more: fc.constantFrom(false, false, true),
  }),
}
type Sayings = { [K in keyof typeof said]: { say: K; passMs: number } & ((typeof said)[K] extends fc.Arbitrary<infer T> ? T : never) }
export type DrawnVerb = Sayings[keyof Sayings]

const WEIGHTS: Record<keyof typeof said, number> = {
  submit: 30,
  'submit again': 4,
  repeat: 4,
  settle: 22,
  'settle again': 2,
  nack: 4,
  cancel: 6,
  join: 9,
  beat: 8,
  drain: 4,
  leave: 2,
  read: 14,
  'read replies': 3,
  reap: 4,
  configure: 5,
  tenant: 4,
  forget: 2,
  known: 1,
  starting: 2,
  restart: 1,
  reconcile: 5,
}

/** How long the lane's clock goes on before a verb. */
const passMs = fc.constantFrom(0, 0, 0, 0, 0, 1, 1, 7, 30, 110, 110, 400, 800, 5_000, 600_001)

/** A word to a lane. What it picks from what is there is settled when it is said. */
export const drawnVerb = fc.oneof(
  ...(Object.keys(said) as (keyof typeof said)[]).map((say) => ({
    weight: WEIGHTS[say],
    arbitrary: fc.tuple(said[say] as fc.Arbitrary<object>, passMs).map(([rest, ms]) => ({ say, passMs: ms, ...rest }) as DrawnVerb),
  })),
)
