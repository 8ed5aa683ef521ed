import { createServer, type RequestListener, type Server } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Socket, type Server as TcpServer } from 'node:net'
import { parseEgressAllow } from '../../../runtime/contract/egress-allow.ts'
import { createFetch, type FetchOptions } from '../../../runtime/host/fetch.ts'
import type { HostAnswer, HostContext } from '../../../runtime/host/operation.ts'
import { Pipes } from '../../../runtime/host/pipes.ts'
import { TenantBytes } from '../../../runtime/host/tenant-bytes.ts'

export interface Told {
  readonly status: number
  readonly statusText: string
  readonly headers: readonly (readonly [string, string])[]
  readonly url: string
  readonly redirected: boolean
  readonly done?: true
  readonly resend?: { url: string; method: string; headers: [string, string][]; followed: number }
}

/** An operation under way, with what the guest would hold of it. */
export interface Asked {
  readonly answer: Promise<HostAnswer & { value: Told }>
  readonly context: HostContext
  readonly abort: () => void
}

/** The operation `fetch`, servers on loopback that it may reach, and invocations that use it. */
export class FetchWorld implements AsyncDisposable {
  readonly #servers: (Server | TcpServer)[] = []
  readonly #sockets = new Set<Socket>()
  readonly #runs: Disposable[] = []
  readonly operation: ReturnType<typeof createFetch>
  #calls = 0

  constructor({ allow = '127.0.0.1,localhost', ...options }: Omit<Partial<FetchOptions>, 'allow'> & { allow?: string } = {}) {
    const entries = parseEgressAllow(allow)
    if ('problem' in entries) throw new Error(entries.problem)
    this.operation = createFetch({ allow: entries, ...options })
  }

  /** Its address, as `http://127.0.0.1:port`. */
  async serve(listener: RequestListener): Promise<string> {
    return await this.#listen(createServer({ keepAliveTimeout: 60_000 }, listener))
  }

  async serveTcp(listener: (socket: Socket) => void): Promise<string> {
    return await this.#listen(createTcpServer(listener))
  }

  async #listen(server: Server | TcpServer): Promise<string> {
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.on('error', () => {}).once('close', () => this.#sockets.delete(socket))
    })
    this.#servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  /** Of the worker that these fetches are made in. */
  readonly tenantBytes = new TenantBytes()

  /** Connections that servers have open. */
  get connections(): ReadonlySet<Socket> {
    return this.#sockets
  }

  /** One invocation, for as many fetches as it makes. */
  run(tenant = 'acme', leftMs = 30_000): { ask: (args: object, body?: Buffer) => Asked; spent: HostContext['spent']; pipes: Pipes } {
    const pipes = new Pipes()
    this.#runs.push(pipes)
    const spent = { subrequests: 0, egressBytes: 0 }
    const invocation = { tenant, depth: 2 } as HostContext['invocation']
    const ask = (args: object, body: Buffer = Buffer.alloc(0)): Asked => {
      const controller = new AbortController()
      const context = { invocation, number: ++this.#calls, signal: controller.signal, leftMs, pipes, tenantBytes: this.tenantBytes, spent }
      const full = { method: 'GET', headers: [], redirect: 'follow', body: 'none', ...args }
      const answer = this.operation(full, body, context) as Asked['answer']
      answer.catch(() => {})
      return { answer, context, abort: () => controller.abort() }
    }
    return { ask, spent, pipes }
  }

  /** One fetch of an invocation of its own, with its whole body as text. */
  async get(args: object, body?: Buffer): Promise<Told & { text: string }> {
    const { answer, context } = this.run().ask(args, body)
    const { value, body: whole } = await answer
    return { ...value, text: whole?.toString() ?? (await readAll(context)).toString() }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const run of this.#runs) run[Symbol.dispose]()
    this.operation[Symbol.dispose]()
    for (const socket of this.#sockets) socket.destroy()
    await Promise.all(this.#servers.map((server) => new Promise((resolve) => server.close(resolve))))
  }
}

/** The rest of an answer, through its pipe. */
export async function readAll({ pipes, number }: HostContext): Promise<Buffer> {
  const source = pipes.source(number)
  const pieces: Buffer[] = []
  for (let piece = await source?.read(65_536); piece !== undefined; piece = await source?.read(65_536)) pieces.push(piece)
  return Buffer.concat(pieces)
}

export function header(told: Told, name: string): string | undefined {
  return told.headers.find(([key]) => key === name)?.[1]
}
