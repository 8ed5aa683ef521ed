import { expect, test } from 'vitest'
import { ADD, ASKING, asSource, SPIN } from '../../wasm-modules.ts'
import { answerOf, CellUnderTest } from './cell-under-test.ts'

const instance = (bytes: Uint8Array, imports = ''): string =>
  `const { exports: wasm } = new WebAssembly.Instance(new WebAssembly.Module(${asSource(bytes)}), { ${imports} })\n`
const SUSPENDED = instance(ASKING, 'env: { answer: new WebAssembly.Suspending(() => new Promise(() => {})) }')

test.each([
  ['in a loop', `${instance(SPIN)}export default () => wasm.spin()`],
  ['on a stack of its own', `${instance(SPIN)}export default () => WebAssembly.promising(wasm.spin)()`],
  [
    'in a loop while another waits for JavaScript',
    `${SUSPENDED}WebAssembly.promising(wasm.ask)(); const { spin } = new WebAssembly.Instance(new WebAssembly.Module(${asSource(SPIN)})).exports\nexport default () => spin()`,
  ],
])('WebAssembly %s is ended by the watchdog, and the cell goes on', async (_, source) => {
  const cell = new CellUnderTest({ wasm: true })
  await cell.open(1, source)
  await cell.open(2, `${instance(ADD)}export default ([a, b]) => wasm.add(a, b)`)
  const { end } = await cell.call(1, null, 100)
  expect(end.end).toBe('timeout')
  expect(end.wallMs).toBeLessThan(1_000)
  expect(answerOf(await cell.call(2, [1, 2]))).toBe(3)
})

test('a sandbox goes in which WebAssembly waits for JavaScript, and the cell goes on', async () => {
  const cell = new CellUnderTest({ wasm: true })
  await cell.open(1, `${SUSPENDED}export default () => { for (let n = 0; n < 20; n++) WebAssembly.promising(wasm.ask)() }`)
  await cell.call(1)
  cell.close(1)
  await cell.open(2, `${instance(ADD)}export default ([a, b]) => wasm.add(a, b)`)
  expect(answerOf(await cell.call(2, [1, 2]))).toBe(3)
})

test('a cell that was not started for it has none', async () => {
  const cell = new CellUnderTest()
  await cell.open(1, 'export default () => typeof WebAssembly')
  expect(answerOf(await cell.call(1))).toBe('undefined')
})
