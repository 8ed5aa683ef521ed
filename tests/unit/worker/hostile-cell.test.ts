import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { MAX_SLICE_BYTES } from '../../../runtime/contract/cell-frames.ts'
import { type CellExit, CellProcess, type SliceReport } from '../../../runtime/worker/cell-process.ts'
import { Crowding } from '../../../runtime/worker/crowding.ts'

/** What every cell of these tests begins with: how frames are written, and a slice that has come. */
const PRELUDE = `
const { Socket } = require('node:net')
const socket = new Socket({ fd: 3, readable: true, writable: true })
const frame = (head, text = '') => {
  const h = Buffer.from(JSON.stringify(head)), t = Buffer.from(text), all = Buffer.alloc(12 + h.length + t.length)
  all.writeUInt32LE(all.length - 4, 0); all.writeUInt32LE(h.length, 4); all.writeUInt32LE(t.length, 8)
  h.copy(all, 12); t.copy(all, 12 + h.length)
  return all
}
const post = (f, text) => frame({ k: 'post', f, kind: 'log', call: 1, extra: 0 }, text)
const end = (f) => frame({ k: 'end', f, end: 'ok', cpuMs: 0, wallMs: 0, heapMb: 0 })
const forEver = (piece) => { const on = () => { while (socket.write(piece)); }; socket.on('drain', on); on() }
socket.write(frame({ k: 'ready', uid: 1 }))
`

/** A program in a cell's place, with two slices to answer; how it ended, and what was taken of it. */
async function run(program: string): Promise<{ exit: CellExit; reports: SliceReport[]; errors: string[] }> {
  const folder = await mkdtemp(join(tmpdir(), 'isolane-hostile-'))
  const cellPath = join(folder, 'cell.cjs')
  await writeFile(cellPath, `${PRELUDE}\nsocket.once('data', () => { ${program} })`)
  const reports: SliceReport[] = []
  const errors: string[] = []
  try {
    const exit = await new Promise<CellExit>((resolve) => {
      const owner = { by: {}, cpuMs: 1_000, wallMs: 60_000, memoryMb: 64, done: (report: SliceReport) => reports.push(report) }
      new CellProcess({
        assets: { cellPath, snapshotPath: cellPath, addonPath: cellPath } as never,
        jail: { prefix: [], walls: [] } as never,
        memoryGroups: undefined,
        dataDir: folder,
        crowding: new Crowding(
          () => 1,
          2,
          () => performance.now(),
        ),
        onReady: (cell) => {
          for (const call of [1, 2]) cell.enter(1, { in: 'invoke', call, extra: 0, utf8: true }, '', '', owner)
        },
        onExit: (_, how) => resolve(how),
        onError: (error) => errors.push(error.message),
      })
    })
    return { exit, reports, errors }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

test.each([
  ['speaks without end', "forEver(post(1, 'x'.repeat(60_000)))"],
  [
    'says nothing, at length, in the heads of its messages',
    "forEver(frame({ k: 'post', f: 1, kind: 'log', call: 1, extra: 0, more: 'x'.repeat(60_000) }))",
  ],
])('a cell that %s within one slice is ended before it fills its worker', async (_, program) => {
  const before = process.memoryUsage().rss
  const { exit, errors, reports } = await run(program)
  expect(exit.killed).toBe('protocol')
  expect(errors[0]).toBe(`Cannot accept more than ${MAX_SLICE_BYTES} bytes of one slice`)
  expect(reports).toEqual([])
  expect(process.memoryUsage().rss - before).toBeLessThan(20 * MAX_SLICE_BYTES)
})

test('a cell that answers its second slice before its first is not believed', async () => {
  const { exit, errors, reports } = await run('socket.write(end(2))')
  expect([exit.killed, errors[0], reports.length]).toEqual(['protocol', 'Cannot accept frame 2: the slice to be answered is 1', 0])
})

test('a cell that sends a large frame byte by byte costs its worker little', async () => {
  // A megabyte and a half, of which the last 30 000 bytes come one at a time.
  const { reports, errors } = await run(`
    const whole = Buffer.concat([post(1, 'x'.repeat(1_500_000)), end(1)]); let at = whole.length - 30_000
    socket.write(whole.subarray(0, at))
    const on = () => { for (let i = 0; i < 50 && at < whole.length; i++) socket.write(whole.subarray(at, ++at)); if (at < whole.length) setImmediate(on); else { socket.write(end(2)); socket.write(end(3)) } }
    on()`)
  expect(reports.map(({ messages }) => messages.map(({ text }) => text.length))).toEqual([[1_500_000], []])
  expect(errors).toEqual(['Cannot accept frame 3: the slice to be answered is none'])
})
