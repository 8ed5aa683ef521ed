import fc from 'fast-check'
import { expect, test } from 'vitest'
import { TenantQueue } from '../../../platform/builder/tenant-queue.ts'

/** A queue whose turns are told in the order they are given out. */
function watched(options: ConstructorParameters<typeof TenantQueue>[0]) {
  const queue = new TenantQueue(options)
  const under: { tenant: string; turn: Disposable }[] = []
  const order: string[] = []
  return {
    queue,
    under,
    order,
    ask(tenant: string): boolean {
      const turn = queue.turn(tenant)
      void turn?.then((given) => {
        order.push(tenant)
        under.push({ tenant, turn: given })
      })
      return turn !== undefined
    },
    async end(at = 0): Promise<void> {
      under.splice(at, 1)[0]?.turn[Symbol.dispose]()
      await settled()
    },
  }
}

/** After whatever has been decided has been heard of. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('a tenant with many goes in turn with the others, not before them', async () => {
  const { ask, end, order, under } = watched({ atOnce: 1, atOncePerTenant: 1, mostWaitingPerTenant: 10 })
  for (const tenant of ['a', 'a', 'a', 'a', 'b', 'b', 'c']) ask(tenant)
  await settled()
  while (under.length > 0) await end()
  expect(order).toEqual(['a', 'a', 'b', 'c', 'a', 'b', 'a'])
})

test('what takes forever in one tenant’s hands holds up that tenant alone', async () => {
  const { ask, end, order, under } = watched({ atOnce: 2, atOncePerTenant: 1, mostWaitingPerTenant: 10 })
  for (const tenant of ['slow', 'slow', 'slow']) ask(tenant)
  await settled()
  for (let n = 0; n < 5; n++) {
    ask('quick')
    await settled()
    expect(under.map(({ tenant }) => tenant)).toEqual(['slow', 'quick'])
    await end(1)
  }
  expect(order).toEqual(['slow', ...Array(5).fill('quick')])
})

test('a tenant may have so many waiting, and no more; others may still come', async () => {
  const { ask, end, queue } = watched({ atOnce: 2, atOncePerTenant: 1, mostWaitingPerTenant: 2 })
  expect(['a', 'a', 'a', 'a', 'b'].map(ask)).toEqual([true, true, true, false, true])
  expect(queue.waitingOf('a')).toBe(2)
  await settled()
  await end()
  expect(ask('a')).toBe(true)
})

test('whatever comes and ends, in any order: the bounds hold, nobody is forgotten, and no turn is kept back', async () => {
  const step = fc.oneof(fc.record({ ask: fc.constantFrom('a', 'b', 'c', 'd') }), fc.record({ end: fc.nat(5) }))
  const options = fc.record({ atOnce: fc.integer({ min: 1, max: 4 }), atOncePerTenant: fc.integer({ min: 1, max: 3 }) })
  await fc.assert(
    fc.asyncProperty(options, fc.array(step, { maxLength: 60 }), async ({ atOnce, atOncePerTenant }, steps) => {
      const { ask, end, queue, under, order } = watched({ atOnce, atOncePerTenant, mostWaitingPerTenant: 5 })
      const running = (tenant: string): number => under.filter((each) => each.tenant === tenant).length
      let accepted = 0
      const check = (): void => {
        expect(under.length).toBeLessThanOrEqual(atOnce)
        for (const tenant of ['a', 'b', 'c', 'd']) {
          expect(running(tenant)).toBeLessThanOrEqual(atOncePerTenant)
          const couldStart = queue.waitingOf(tenant) > 0 && running(tenant) < atOncePerTenant
          if (couldStart) expect(under.length).toBe(atOnce)
        }
      }
      for (const each of steps) {
        if ('ask' in each) accepted += ask(each.ask) ? 1 : 0
        else await end(each.end % Math.max(1, under.length))
        await settled()
        check()
      }
      while (under.length > 0) await end()
      expect(order.length).toBe(accepted)
    }),
    { numRuns: 200 },
  )
})
