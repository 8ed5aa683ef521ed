import { describe, expect, test } from 'vitest'
import type { HostReply } from '../../../runtime/contract/messages.ts'
import { HostCalls } from '../../../runtime/host/host-calls.ts'
import type { HostAnswer, HostContext, HostOperation } from '../../../runtime/host/operation.ts'
import { pipeOperations } from '../../../runtime/host/pipe-operations.ts'
import { Pipes } from '../../../runtime/host/pipes.ts'
import { MAX_TENANT_BYTES, TenantBytes } from '../../../runtime/host/tenant-bytes.ts'

/** The calls of invocations, and an operation that holds what it was given until it is let go. */
function world() {
  const tenantBytes = new TenantBytes()
  const waiting: ((answer: HostAnswer) => void)[] = []
  const hold = (): Promise<HostAnswer> => new Promise((resolve) => waiting.push(resolve))
  const run = (tenant: string) => {
    const replies = new Map<number, HostReply>()
    const calls = new HostCalls({
      operations: new Map<string, HostOperation>([...pipeOperations, ['hold', hold]]),
      invocation: { tenant } as HostContext['invocation'],
      leftMs: () => 1_000,
      pipes: new Pipes(),
      tenantBytes,
      settle: (number, reply) => replies.set(number, JSON.parse(reply) as HostReply),
      onError: (error) => {
        throw error
      },
    })
    return { calls, replies, ask: (number: number, body: Buffer, text = '{"op":"hold"}') => calls.start(number, Buffer.from(text), body) }
  }
  return { run, tenantBytes, waiting }
}

const turn = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
const piece = Buffer.alloc(64 * 1024)

describe('host calls of a cell that is its tenant’s by now', () => {
  test('carry no more bytes each than the prelude would send', async () => {
    const { run, tenantBytes } = world()
    const { ask, replies, calls } = run('acme')
    ask(1, Buffer.alloc(piece.length + 1))
    ask(2, piece, JSON.stringify({ op: 'hold', args: 'x'.repeat(1024 * 1024) }))
    await turn()
    expect([replies.get(1), replies.get(2)]).toMatchObject([{ name: 'RangeError' }, { name: 'RangeError' }])
    expect([calls.open, tenantBytes.held('acme')]).toEqual([0, 0])
  })
})

describe('what the platform holds for a tenant', () => {
  test('is bounded over all its invocations, and leaves room for others', async () => {
    const { run, tenantBytes } = world()
    const most = MAX_TENANT_BYTES / piece.length
    const runs = Array.from({ length: most / 200 + 1 }, () => run('acme'))
    for (let at = 0; at < most + 3; at++) runs[Math.floor(at / 200)]?.ask(at, piece)
    await turn()
    expect(runs.flatMap(({ replies }) => [...replies.keys()])).toEqual([most, most + 1, most + 2])
    expect(tenantBytes.held('acme')).toBe(MAX_TENANT_BYTES)
    const other = run('globex')
    other.ask(1, piece)
    expect([other.calls.open, tenantBytes.held('globex')]).toEqual([1, piece.length])
  })

  test('breaks a pipe off whose next piece has no room, instead of letting its reader wait', async () => {
    const { run, tenantBytes } = world()
    const { ask, calls } = run('acme')
    const seen: string[] = []
    calls.pipes.addSink(7, { write: async () => {}, end: async () => {}, abort: () => seen.push('aborted') })
    tenantBytes.take('acme', MAX_TENANT_BYTES)
    ask(8, piece, '{"op":"write","args":{"pipe":7}}')
    expect([seen, calls.pipes.sink(7)]).toEqual([['aborted'], undefined])
  })

  test('is free again when its calls are answered', async () => {
    const { run, tenantBytes, waiting } = world()
    const { ask, replies } = run('acme')
    for (let number = 1; number <= 3; number++) ask(number, piece)
    for (const answer of waiting) answer({})
    await turn()
    expect([replies.size, tenantBytes.held('acme')]).toEqual([3, 0])
  })
})
