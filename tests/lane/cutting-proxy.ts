import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { endOfValue, wordsOf } from './resp.ts'

/**
 * Where a connection is cut, seen from one command: before it leaves; in the middle of its bytes; once Redis has carried it out
 * and before a byte of its answer arrives; in the middle of its answer. `late`: its sender hears that the connection has gone,
 * and Redis gets the command all the same, some time afterwards, as from a network that comes back.
 */
export const CUTS = ['before', 'within', 'unanswered', 'half-answered', 'late'] as const
export type Cut = (typeof CUTS)[number]

export interface CuttingProxyOptions {
  /** Path of Redis' unix socket. */
  readonly target: string
  /** Asked for every command that comes by; undefined lets it pass. Without it bytes pass unread. */
  readonly decide?: (words: readonly Buffer[]) => Cut | undefined
  /** How late `late` is. Default 300 ms. */
  readonly lateMs?: number
}

/** Stands between a Redis and its clients, reads what they say, and cuts their connections at a chosen point. */
export class CuttingProxy implements AsyncDisposable {
  readonly #server: Server
  readonly #passages = new Set<Passage>()
  #isHole = false
  #cuts = 0

  private constructor({ decide, ...options }: CuttingProxyOptions) {
    const counted = (words: readonly Buffer[]): Cut | undefined => {
      const cut = decide?.(words)
      if (cut !== undefined) this.#cuts++
      return cut
    }
    this.#server = createServer((client) => {
      const passage = new Passage(client, decide === undefined ? options : { ...options, decide: counted })
      this.#passages.add(passage)
      if (this.#isHole) passage.hold()
      passage.over.then(() => this.#passages.delete(passage))
    })
  }

  static async start(options: CuttingProxyOptions): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(options)
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    return proxy
  }

  /** redis://127.0.0.1:port */
  get url(): string {
    return `redis://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** How often it was decided to cut. */
  get cuts(): number {
    return this.#cuts
  }

  /** Cuts every connection there is now, and returns how many. */
  cutAll(): number {
    const count = this.#passages.size
    for (const passage of this.#passages) passage.end()
    return count
  }

  /** The connections there are now are dead, and nobody is told. New ones live. */
  strandAll(): void {
    for (const passage of this.#passages) passage.hold()
  }

  /** For so long nothing passes, either way, and nobody is told. Then everything that was sent meanwhile arrives. */
  async blackHole(ms: number): Promise<void> {
    this.#isHole = true
    for (const passage of this.#passages) passage.hold()
    await pause(ms)
    this.#isHole = false
    for (const passage of this.#passages) passage.release()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close()
    this.cutAll()
    await once(this.#server, 'close')
  }
}

const EMPTY = Buffer.alloc(0)

/** One client's connection, and the one to Redis behind it. */
class Passage {
  readonly #client: Socket
  readonly #redis: Socket
  readonly #options: CuttingProxyOptions
  readonly #over = Promise.withResolvers<void>()
  /** One per command on its way to be answered: how its answer is to be cut. */
  readonly #due: (Cut | undefined)[] = []
  #said: Buffer = EMPTY
  #answered: Buffer = EMPTY
  /** Its last command has been chosen: what else its client says is dropped. */
  #doomed = false
  #late: NodeJS.Timeout | undefined

  constructor(client: Socket, options: CuttingProxyOptions) {
    this.#client = client
    this.#options = options
    this.#redis = connect(options.target)
    for (const socket of [this.#client, this.#redis]) socket.setNoDelay(true).on('error', () => {})
    this.#client.on('data', (bytes) => this.#fromClient(bytes as Buffer))
    this.#redis.on('data', (bytes) => this.#fromRedis(bytes as Buffer))
    // What its client sent last reaches Redis also when the client has gone, as it would without a proxy.
    this.#client.on('close', () => this.#late === undefined && this.#redis.end())
    this.#redis.on('close', () => this.end())
  }

  get over(): Promise<void> {
    return this.#over.promise
  }

  hold(): void {
    this.#client.pause()
    this.#redis.pause()
  }

  release(): void {
    this.#client.resume()
    this.#redis.resume()
  }

  end(): void {
    clearTimeout(this.#late)
    this.#doomed = true
    this.#client.destroy()
    this.#redis.destroy()
    this.#over.resolve()
  }

  #fromClient(bytes: Buffer): void {
    const { decide } = this.#options
    if (decide === undefined) {
      this.#redis.write(bytes)
      return
    }
    this.#said = this.#said.length === 0 ? bytes : Buffer.concat([this.#said, bytes])
    while (!this.#doomed) {
      const end = endOfValue(this.#said)
      if (end === undefined) return
      const command = this.#said.subarray(0, end)
      this.#said = this.#said.subarray(end)
      this.#pass(command, decide(wordsOf(command)))
    }
  }

  #pass(command: Buffer, cut: Cut | undefined): void {
    this.#doomed = cut !== undefined
    switch (cut) {
      case 'before':
        this.#client.destroy()
        return
      case 'within':
        this.#redis.end(command.subarray(0, command.length >> 1))
        this.#client.destroy()
        return
      case 'late':
        this.#due.push('unanswered')
        this.#late = setTimeout(() => this.#redis.write(command), this.#options.lateMs ?? 300)
        this.#client.destroy()
        return
      case 'unanswered':
      case 'half-answered':
      case undefined:
        this.#due.push(cut)
        this.#redis.write(command)
    }
  }

  #fromRedis(bytes: Buffer): void {
    if (this.#options.decide === undefined) {
      this.#client.write(bytes)
      return
    }
    this.#answered = this.#answered.length === 0 ? bytes : Buffer.concat([this.#answered, bytes])
    for (let end = endOfValue(this.#answered); end !== undefined; end = endOfValue(this.#answered)) {
      const answer = this.#answered.subarray(0, end)
      this.#answered = this.#answered.subarray(end)
      const cut = this.#due.shift()
      if (cut === 'unanswered') {
        this.end()
        return
      }
      if (cut === 'half-answered') {
        this.#client.end(answer.subarray(0, answer.length >> 1))
        this.#redis.destroy()
        return
      }
      this.#client.write(answer)
    }
  }
}
