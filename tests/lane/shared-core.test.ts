import { expect, test } from 'vitest'
import { SharedCore } from '../bench/lane/shared-core.ts'

test('two that compute at once each get half of the core, and the rest of it when the other is done', () => {
  const core = new SharedCore(0)
  const done: string[] = []
  core.add(10, 0, () => done.push('long'))
  core.add(4, 2, () => done.push('short'))
  // 2 ms alone, 8 ms beside the short one, which gives it 4 more; 4 are left.
  expect(core.nextEnd()).toBe(10)
  core.advance(10)
  expect(done).toEqual(['short'])
  expect(core.nextEnd()).toBe(14)
  core.advance(14)
  expect(done).toEqual(['short', 'long'])
})

test('whoever looks late finds that everything ended when it ended, and how long nothing was to do', () => {
  const core = new SharedCore(0)
  const done: string[] = []
  core.add(5, 10, () => done.push('first'))
  core.add(5, 10, () => done.push('second'))
  core.advance(100)
  expect(done).toEqual(['first', 'second'])
  expect(core.busy).toBe(0)
  expect(core.idleMs).toBe(10 + 80)
})
