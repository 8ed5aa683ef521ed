import { expect, test } from 'vitest'
import { ReadThrough } from '../../../platform/registry/read-through.ts'

/** A store whose reads end when the test says so. */
function slowStore() {
  const reads: { key: string; answer: (value: { n: number } | undefined) => void; fail: (error: Error) => void }[] = []
  const cache = new ReadThrough<{ n: number }>((key) => {
    const { promise, resolve, reject } = Promise.withResolvers<{ n: number } | undefined>()
    reads.push({ key, answer: resolve, fail: reject })
    return promise
  })
  return { cache, reads }
}

test('a value is read once and then answered at once', async () => {
  const { cache, reads } = slowStore()
  const [first, second] = [cache.get('a'), cache.get('a')]
  expect(reads).toHaveLength(1)
  reads[0]?.answer({ n: 1 })
  expect(await first).toEqual({ n: 1 })
  expect(await second).toEqual({ n: 1 })
  expect(cache.get('a')).toEqual({ n: 1 })
})

test('what does not exist is remembered too', async () => {
  const { cache, reads } = slowStore()
  const first = cache.get('a')
  reads[0]?.answer(undefined)
  await first
  expect(cache.get('a')).toBe(undefined)
  expect(reads).toHaveLength(1)
})

test('a value read before a change is not kept after it', async () => {
  const { cache, reads } = slowStore()
  const before = cache.get('a')
  cache.invalidate('a')
  const after = cache.get('a')
  reads[1]?.answer({ n: 2 })
  expect(await after).toEqual({ n: 2 })
  reads[0]?.answer({ n: 1 })
  expect(await before).toEqual({ n: 1 })
  expect(cache.get('a')).toEqual({ n: 2 })
})

test('flush forgets values, misses and reads under way', async () => {
  const { cache, reads } = slowStore()
  for (const [i, value] of [{ n: 1 }, undefined].entries()) {
    const read = cache.get(`k${i}`)
    reads[i]?.answer(value)
    await read
  }
  const underWay = cache.get('k2')
  cache.flush()
  reads[2]?.answer({ n: 3 })
  await underWay
  for (const key of ['k0', 'k1', 'k2']) expect(cache.get(key)).toBeInstanceOf(Promise)
})

test('a failed read is told to those who wait, and tried again by the next', async () => {
  const { cache, reads } = slowStore()
  const first = cache.get('a')
  reads[0]?.fail(new Error('store gone'))
  await expect(first).rejects.toThrow('store gone')
  const second = cache.get('a')
  reads[1]?.answer({ n: 1 })
  expect(await second).toEqual({ n: 1 })
})

test('a flood of names pushes out the values used least, never those in use; misses push out no value', async () => {
  const cache = new ReadThrough<{ key: string }>(async (key) => (key.startsWith('missing') ? undefined : { key }))
  await cache.get('hot')
  for (let i = 0; i < 20_000; i++) {
    await cache.get(`cold${i}`)
    expect(cache.get('hot')).toEqual({ key: 'hot' })
  }
  expect(cache.get('cold0')).toBeInstanceOf(Promise)
  const known = cache.get('cold19999')
  expect(known).toEqual({ key: 'cold19999' })
  for (let i = 0; i < 20_000; i++) await cache.get(`missing${i}`)
  expect(cache.get('cold19999')).toBe(known)
})
