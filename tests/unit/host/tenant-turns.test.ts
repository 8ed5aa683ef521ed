import { setImmediate as turnOfLoop } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { TenantTurns } from '../../../runtime/host/tenant-turns.ts'

const live = () => new AbortController().signal

/** Work that ends when it is told to. */
class Works {
  readonly begun: string[] = []
  readonly #ends: (() => void)[] = []

  readonly begin = (name: string) => async (): Promise<string> => {
    this.begun.push(name)
    await new Promise<void>((resolve) => this.#ends.push(resolve))
    return name
  }

  endNext(): void {
    this.#ends.shift()?.()
  }
}

test('a tenant’s work beyond its share waits in the order it came; another tenant’s does not wait at all', async () => {
  const [turns, works] = [new TenantTurns(2), new Works()]
  const all = ['a1', 'a2', 'a3', 'a4'].map((name) => turns.run('a', live(), works.begin(name)))
  all.push(turns.run('b', live(), works.begin('b1')))
  await turnOfLoop()
  expect(works.begun).toEqual(['a1', 'a2', 'b1'])
  works.endNext()
  expect(await all[0]).toBe('a1')
  await turnOfLoop()
  expect(works.begun).toEqual(['a1', 'a2', 'b1', 'a3'])
  for (let at = 0; at < 3; at++) works.endNext()
  await all[2]
  await turnOfLoop()
  works.endNext()
  expect(await Promise.all(all)).toEqual(['a1', 'a2', 'a3', 'a4', 'b1'])
})

test('whoever left while waiting is not served, and takes nobody’s place', async () => {
  const [turns, works, leaver] = [new TenantTurns(1), new Works(), new AbortController()]
  const first = turns.run('a', live(), works.begin('first'))
  const second = turns.run('a', leaver.signal, works.begin('second'))
  const third = turns.run('a', live(), works.begin('third'))
  leaver.abort()
  await expect(second).rejects.toMatchObject({ name: 'AbortError' })
  await expect(turns.run('b', leaver.signal, works.begin('late'))).rejects.toMatchObject({ name: 'AbortError' })
  await turnOfLoop()
  works.endNext()
  await first
  await turnOfLoop()
  works.endNext()
  expect(await third).toBe('third')
  expect(works.begun).toEqual(['first', 'third'])
})

test('work that fails gives its turn on', async () => {
  const turns = new TenantTurns(1)
  const failing = turns.run('a', live(), async () => {
    throw new RangeError('mine')
  })
  const next = turns.run('a', live(), async () => 'next')
  await expect(failing).rejects.toThrow('mine')
  expect(await next).toBe('next')
})
