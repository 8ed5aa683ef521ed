import { readdirSync } from 'node:fs'
import ivm from 'isolated-vm'
import { expect, test } from 'vitest'
import { Watchdog } from '../../../runtime/cell/watchdog.ts'

const watchdog = new Watchdog(ivm)

/** An isolate under the watch, with one function in it. */
function watched(body: string) {
  const isolate = new ivm.Isolate({ memoryLimit: 32 })
  const id = watchdog.add(isolate)
  const run = isolate.createContextSync().evalClosureSync(`return () => { ${body} }`, [], { result: { reference: true } })
  return {
    isolate,
    /** Runs it under that guard; returns whether it was over in time, and when it was over. */
    slice(guardMs: number): { inTime: boolean; ms: number } {
      const startedAt = performance.now()
      watchdog.arm(id, guardMs)
      try {
        run.applySync(undefined, [])
      } catch {
        // It was ended.
      }
      return { inTime: watchdog.disarm(), ms: performance.now() - startedAt }
    },
    [Symbol.dispose]() {
      if (!isolate.isDisposed) isolate.dispose()
    },
  }
}

test.each([
  ['a loop', 'for (;;);'],
  ['a loop in microtasks', 'const again = () => Promise.resolve().then(again); again()'],
  ['a loop that catches its end', 'for (;;) try { for (;;); } catch {} finally { for (;;); }'],
  ['a regular expression that backtracks', '/^(a+)+$/.test("a".repeat(40) + "b")'],
])('%s is ended when its guard is over, while this thread is inside its isolate', (_, body) => {
  using sandbox = watched(body)
  const { inTime, ms } = sandbox.slice(60)
  expect(inTime).toBe(false)
  expect(ms).toBeGreaterThan(58)
  expect(sandbox.isolate.isDisposed).toBe(true)
})

test('a slice that is over in time is left alone, however many there are', () => {
  using sandbox = watched('')
  for (let i = 0; i < 10_000; i++) expect(sandbox.slice(5_000).inTime).toBe(true)
  expect(sandbox.isolate.isDisposed).toBe(false)
})

test('a guard is counted from its own slice, whatever guards slices before it had', () => {
  using idle = watched('')
  using busy = watched('for (;;);')
  idle.slice(60_000)
  idle.slice(40)
  const { inTime, ms } = busy.slice(150)
  expect(inTime).toBe(false)
  expect(ms).toBeGreaterThan(148)
  expect(idle.isolate.isDisposed).toBe(false)
})

test('isolates that came after others had been ended are watched too', () => {
  for (let i = 0; i < 20; i++) {
    using sandbox = watched('for (;;);')
    expect(sandbox.slice(5).inTime).toBe(false)
  }
})

test.runIf(process.platform === 'linux')('guards that grow ever shorter start no thread of their own', () => {
  using sandbox = watched('')
  sandbox.slice(1_000)
  const threads = (): number => readdirSync('/proc/self/task').length
  const before = threads()
  for (let guardMs = 60_000; guardMs > 100; guardMs -= 200) sandbox.slice(guardMs)
  expect(threads()).toBeLessThan(before + 10)
})
