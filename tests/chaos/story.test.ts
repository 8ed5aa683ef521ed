import { expect, test } from 'vitest'
import { report } from './report.ts'
import { tell } from './story.ts'

/** Everything that dies on its own account, and what all meet in; `npm run chaos` has the whole list, for a minute. */
test('whatever is killed or cut off under load: every call is accounted for, nothing runs twice, nothing leaks', { timeout: 120_000 }, async () => {
  const seed = Math.floor(Math.random() * 1_000_000)
  const troubles = [
    'kill -9 a worker',
    'kill -9 a cell',
    'kill -9 a gateway',
    'kill -9 the ledger',
    'restart the lane’s Redis',
    'cut every connection to the lane',
  ] as const
  const told = await tell({ seed, seconds: 8, perSecond: 15, troubles, gapMs: 900, say: () => {} })
  const text = `seed ${seed}\n${report(told)}`
  console.log(text)
  expect(told.evidence.calls.length).toBeGreaterThan(50)
  expect(
    told.claims.filter(({ broken }) => broken.length > 0),
    text,
  ).toEqual([])
})
