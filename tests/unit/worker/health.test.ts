import { expect, test } from 'vitest'
import { Health } from '../../../runtime/worker/health.ts'

function afterFailuresOf(...functions: string[]): Health {
  const health = new Health()
  for (const name of functions) health.couldNotBegin(name)
  return health
}

test('a worker that could not begin five calls in a row, of three functions, is sick', () => {
  expect(afterFailuresOf('a/x', 'a/y', 'b/z', 'a/x').isSick).toBe(false)
  expect(afterFailuresOf('a/x', 'a/y', 'b/z', 'a/x', 'a/x').isSick).toBe(true)
})

test('two broken functions do not make a worker sick, however often they are called', () => {
  expect(afterFailuresOf(...Array.from({ length: 100 }, (_, i) => `a/${i % 2}`)).isSick).toBe(false)
})

test('one call that begins between them shows that it is well', () => {
  const health = afterFailuresOf('a', 'b', 'c', 'd')
  health.began()
  health.couldNotBegin('e')
  expect(health.isSick).toBe(false)
})
