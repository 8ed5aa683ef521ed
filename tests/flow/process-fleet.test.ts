import { readFile } from 'node:fs/promises'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { ProcessFleet, type ProcessFleetOptions } from '../../platform/autoscaler/process-fleet.ts'

const fleets: ProcessFleet[] = []
afterEach(async () => {
  await Promise.all(fleets.splice(0).map((fleet) => fleet.stop()))
})

function setUp(standIn = '', options: Partial<ProcessFleetOptions> = {}) {
  const lines: string[] = []
  const log = { info: vi.fn(), warn: vi.fn((_: unknown, line: string) => void lines.push(line)), error: vi.fn() }
  const command = { module: new URL('stand-in-worker.ts', import.meta.url), env: { ...process.env, STAND_IN: standIn } }
  const fleet = new ProcessFleet({ command, log: log as unknown as ProcessFleetOptions['log'], stopGraceMs: 500, ...options })
  fleets.push(fleet)
  const said = (pattern: RegExp) =>
    vi.waitFor(() => {
      const found = lines.map((line) => pattern.exec(line)).find((match) => match !== null)
      if (!found) throw new Error(`Nobody said ${pattern}`)
      return found
    }, 10_000)
  return { fleet, log, lines, said }
}

const eventually = (holds: () => void) => vi.waitFor(holds, { timeout: 10_000, interval: 10 })

/** Dead counts as gone also while nobody has collected it. */
async function isGone(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  return status === '' || / Z /.test(status)
}

describe('a fleet of processes', () => {
  test('starts workers under ids of its own and knows them by what the lane has seen', async () => {
    const { fleet, said } = setUp()
    fleet.start(2)
    const [one, two] = fleet.members()
    expect(fleet.members().map((member) => member.state)).toEqual(['starting', 'starting'])
    expect([one, two].every((member) => member !== undefined && fleet.owns(member.id))).toBe(true)
    expect(fleet.owns('stranger')).toBe(false)
    await said(new RegExp(`up ${one?.id}`))
    fleet.seen(new Set([one?.id ?? '']))
    expect(fleet.members().map((member) => member.state)).toEqual(['ready', 'starting'])
  })

  test('a worker that is killed is replaced at once, and what it left behind is killed with it', async () => {
    const { fleet, log, said } = setUp('litter')
    fleet.start(1)
    const litter = Number((await said(/litter (\d+)/))[1])
    const [first] = fleet.members()
    await said(/up/)
    process.kill(first?.pid as number, 'SIGKILL')
    await eventually(() => expect(fleet.members()[0]?.pid).not.toBe(first?.pid))
    expect(fleet.members()).toHaveLength(1)
    expect(fleet.members()[0]?.id).not.toBe(first?.id)
    expect(log.error).toHaveBeenCalledWith(expect.objectContaining({ worker: first?.id, how: 'SIGKILL' }), 'Worker died unasked')
    await vi.waitFor(async () => expect(await isGone(litter)).toBe(true), 5_000)
  })

  test('one that is ended leaves and is not replaced', async () => {
    const { fleet, log, said } = setUp()
    fleet.start(1)
    await said(/up/)
    const [worker] = fleet.members()
    fleet.end(worker?.id ?? '')
    await eventually(() => expect(fleet.members()).toEqual([]))
    expect(log.error).not.toHaveBeenCalled()
  })

  test('a draining one can come back; ended, it cannot', async () => {
    const { fleet, said } = setUp('stubborn')
    fleet.start(1)
    await said(/up/)
    const id = fleet.members()[0]?.id ?? ''
    const state = () => fleet.members()[0]?.state
    fleet.seen(new Set([id]))
    fleet.drain(id)
    expect(state()).toBe('draining')
    fleet.undrain(id)
    expect(state()).toBe('ready')
    fleet.drain(id)
    fleet.end(id)
    fleet.undrain(id)
    expect(state()).toBe('ending')
  })

  test('workers that cannot start are tried ever more seldom, and the log says what they said', async () => {
    const { fleet, log, said } = setUp('crash')
    fleet.start(1)
    expect((await said(/cannot start today/))[0]).toBe('cannot start today')
    const waits = () =>
      log.warn.mock.calls.filter(([, message]) => message.includes('keep failing')).map(([fields]) => (fields as { retryMs: number }).retryMs)
    await eventually(() => expect(waits().slice(0, 3)).toEqual([100, 200, 400]))
    // Nobody asks for more meanwhile: it is still there, on its way.
    expect(fleet.members().map((member) => member.state)).toEqual(['starting'])
  })

  test('one that never gets ready is killed and replaced', async () => {
    let now = 0
    const { fleet, said } = setUp('', { now: () => now, readyTimeoutMs: 10_000 })
    fleet.start(1)
    await said(/up/)
    const [first] = fleet.members()
    now = 10_000
    fleet.seen(new Set())
    expect(fleet.members()[0]?.id).toBe(first?.id)
    now = 10_001
    fleet.seen(new Set())
    await eventually(() => expect(fleet.members()[0]?.id).not.toBe(first?.id))
  })

  test('stop waits for all, killing those that do not listen, and starts nobody afterwards', async () => {
    const { fleet, said } = setUp('stubborn')
    fleet.start(2)
    const pids = fleet.members().map((member) => member.pid as number)
    for (const member of fleet.members()) await said(new RegExp(`up ${member.id}`))
    await fleet.stop()
    expect(await Promise.all(pids.map(isGone))).toEqual([true, true])
    fleet.start(1)
    expect(fleet.members()).toEqual([])
  })
})
