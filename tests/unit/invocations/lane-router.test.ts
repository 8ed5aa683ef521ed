import { beforeEach, describe, expect, test } from 'vitest'
import { LaneRouter, type OpenLane, type RoutedSubmission } from '../../../platform/invocations/lane-router.ts'
import { changeTenant, endMove, MOVE_PAUSE_MS, newTenant } from '../../../platform/registry/tenant.ts'
import type { TenantPlacement } from '../../../platform/registry/tenant-directory.ts'
import type { LaneReply } from '../../../runtime/lane/lane-reply.ts'
import type { Submission } from '../../../runtime/lane/submission.ts'

const MOVED: LaneReply = { kind: 'refused', reason: 'moved', lane: 'other' }
const RAN: LaneReply = { kind: 'verdict', outcome: { kind: 'returned' } }

class Lane implements OpenLane {
  isOpen = true
  reply: LaneReply | Promise<LaneReply> = RAN
  readonly submitted: Submission[] = []
  readonly cancelled: string[] = []
  readonly forgotten: string[] = []
  readonly submitter = {
    submit: async (submission: Submission) => {
      this.submitted.push(submission)
      return await this.reply
    },
    cancel: (id: string, attempt: number) => void this.cancelled.push(`${id}/${attempt}`),
    forget: async (fn: string, id: string, attempt: number) => void this.forgotten.push(`${fn} ${id}/${attempt}`),
  }
}

const acme = newTenant({ name: 'acme' }, 0)
const onItsWay = changeTenant(acme, { lane: 'other' }, 1_000)
const arrived = endMove(onItsWay)

let main: Lane
let other: Lane
let fresh: () => Promise<TenantPlacement>
let errors: string[]

beforeEach(() => {
  main = new Lane()
  other = new Lane()
  fresh = () => Promise.reject(new Error('the store is away'))
  errors = []
})

function router(now = 1_000): LaneRouter {
  return new LaneRouter({
    lanes: new Map([
      ['main', main],
      ['other', other],
    ]),
    tenants: { fresh: () => fresh() },
    onError: ({ message }) => errors.push(message),
    now: () => now,
  })
}

function submission(tenantSettings: TenantPlacement, more: Partial<RoutedSubmission> = {}, trigger = 'rpc'): RoutedSubmission {
  return { invocation: { id: 'one', attempt: 1, tenant: 'acme', trigger }, deadlineMs: 5_000, tenantSettings, ...more } as RoutedSubmission
}

describe('a submission', () => {
  test('goes where its tenant is', async () => {
    expect(await router().submit(submission(arrived))).toBe(RAN)
    expect([main.submitted.length, other.submitted.length]).toEqual([0, 1])
  })

  test('to a lane that is away is refused at once, and nothing is accepted', async () => {
    other.isOpen = false
    expect(await router().submit(submission(arrived))).toEqual({ kind: 'refused', reason: 'unreachable' })
    expect([main.submitted, other.submitted]).toEqual([[], []])
  })

  test('to a lane that nobody configured is refused too, and somebody hears of it', async () => {
    expect(await router().submit(submission({ ...acme, lane: 'moon' }))).toEqual({ kind: 'refused', reason: 'unreachable' })
    expect(errors).toEqual(['Cannot call functions of acme: its lane "moon" is not in ISOLANE_LANES'])
  })

  test('for a tenant that has moved follows it, once, and waits there as long as the others do', async () => {
    main.reply = MOVED
    fresh = async () => onItsWay
    expect(await router(11_000).submit(submission(acme))).toBe(RAN)
    expect(other.submitted).toMatchObject([{ tenantSettings: { weight: 1, revision: 2, pausedMs: MOVE_PAUSE_MS - 10_000 } }])
    expect(other.submitted[0]?.deadlineMs).toBeLessThanOrEqual(5_000)
    other.reply = { ...MOVED, lane: 'main' }
    expect(await router().submit(submission(acme))).toEqual(other.reply)
  })

  test('follows on the old lane’s word when the store is away', async () => {
    main.reply = MOVED
    expect(await router().submit(submission(acme))).toBe(RAN)
    expect(other.submitted).toMatchObject([{ tenantSettings: { weight: 1, revision: 1 } }])
    expect(errors).toEqual(['the store is away'])
  })

  test('says how long its tenant waits in the lane it is on its way to', async () => {
    await router(1_000).submit(submission(onItsWay))
    expect(other.submitted).toMatchObject([{ tenantSettings: { revision: 2, pausedMs: MOVE_PAUSE_MS } }])
  })

  test('cancelled between two lanes is not submitted again', async () => {
    const asked = Promise.withResolvers<TenantPlacement>()
    const asking = Promise.withResolvers<void>()
    main.reply = MOVED
    fresh = () => {
      asking.resolve()
      return asked.promise
    }
    const routed = router()
    const reply = routed.submit(submission(acme))
    await asking.promise
    routed.cancel('one', 1)
    asked.resolve(arrived)
    expect(await reply).toEqual({ kind: 'verdict', outcome: { kind: 'cancelled' } })
    expect(other.submitted).toEqual([])
    expect([main.cancelled, other.cancelled]).toEqual([['one/1'], ['one/1']])
  })
})

describe('what may not run twice', () => {
  const idempotency = { hash: 'h', fingerprint: 'f' }

  test.each([
    ['a call with an idempotency key', { idempotency }, 'rpc'],
    ['an asynchronous attempt', {}, 'async'],
    ['a scheduled attempt', {}, 'schedule'],
  ])('%s is asked for in the lane its tenant has left before it runs in the new one', async (_what, more, trigger) => {
    main.reply = MOVED
    expect(await router().submit(submission(arrived, more, trigger))).toBe(RAN)
    expect(main.submitted).toMatchObject([{ tenantSettings: { revision: 3, movedTo: 'other' } }])
    expect(other.submitted).toMatchObject([{ tenantSettings: { revision: 3 } }])
  })

  test('is answered by the lane that knows it, and runs nowhere else', async () => {
    const kept: LaneReply = { kind: 'refused', reason: 'answer_not_kept', id: 'zero' }
    main.reply = kept
    expect(await router().submit(submission(arrived, { idempotency }))).toBe(kept)
    expect(other.submitted).toEqual([])
  })

  test('is not held up by a former lane that is away, nor sent to one left more than a day ago', async () => {
    main.isOpen = false
    expect(await router().submit(submission(arrived, { idempotency }))).toBe(RAN)
    main.isOpen = true
    expect(await router(1_000 + 24 * 3_600_000).submit(submission(arrived, { idempotency }))).toBe(RAN)
    expect(main.submitted).toEqual([])
  })
})

test('an answer that is safe is forgotten wherever it may be kept', async () => {
  await router().forget('acme/shop', 'one', 1)
  expect([main.forgotten, other.forgotten]).toEqual([['acme/shop one/1'], ['acme/shop one/1']])
})
