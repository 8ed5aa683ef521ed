import { Agent, type ClientRequest, type IncomingMessage, type RequestOptions, request } from 'node:http'
import type { DataAddress, DataReplyHead, NestedInvocation, NestedReply } from '../contract/data.ts'
import { readFirstFrame } from '../contract/first-frame.ts'
import { encodeFrame } from '../contract/frame.ts'
import { MAX_REPLY_HEAD_BYTES } from '../contract/limits.ts'

export interface DataClientOptions {
  /** This machine, as `DataAddress.machine` names it. */
  readonly machine: string
  /** Where a gateway takes data connections; undefined when it is not there (any more). */
  readonly lookUp: (gatewayId: string) => Promise<DataAddress | undefined>
}

/** A nested invocation's answer; `bytes` goes on after the frame. */
export interface NestedAnswer {
  readonly head: NestedReply
  readonly first: Buffer
  readonly bytes: IncomingMessage
}

const IDLE_SOCKETS = 16
const FORGET_AFTER_MS = 60_000

/** A worker's side of the data connection (contract/data.ts): one HTTP exchange per body, on connections that are kept. */
export class DataClient implements Disposable {
  readonly #options: DataClientOptions
  readonly #agent = new Agent({ keepAlive: true, maxFreeSockets: IDLE_SOCKETS })
  readonly #addresses = new Map<string, { readonly address: Promise<DataAddress | undefined>; readonly at: number }>()

  constructor(options: DataClientOptions) {
    this.#options = options
  }

  /** The body of an invocation's request, as its caller sends it. */
  async openRequest(gatewayId: string, key: string, signal: AbortSignal): Promise<IncomingMessage> {
    const outgoing = await this.#request(gatewayId, { method: 'GET', path: `/invocations/${key}/request`, signal })
    outgoing.end()
    return await answerTo(outgoing)
  }

  /** Starts an invocation's reply. What is written goes to the caller; `finished` resolves when he has it all and rejects when he has left. */
  async openReply(
    gatewayId: string,
    key: string,
    head: DataReplyHead,
    replyHead: Buffer,
  ): Promise<{ readonly outgoing: ClientRequest; readonly finished: Promise<void> }> {
    const outgoing = await this.#request(gatewayId, { method: 'POST', path: `/invocations/${key}/reply` })
    const finished = answerTo(outgoing).then((answer) => void answer.resume())
    outgoing.write(encodeFrame(head, replyHead))
    return { outgoing, finished }
  }

  /** Calls another function of the tenant, through the gateway that waits for the caller. */
  async invoke(gatewayId: string, nested: NestedInvocation, event: string, body: Buffer, signal: AbortSignal): Promise<NestedAnswer> {
    const outgoing = await this.#request(gatewayId, { method: 'POST', path: '/invoke', signal })
    outgoing.end(encodeFrame(nested, event, body))
    const bytes = await answerTo(outgoing)
    const { frame, rest } = await readFirstFrame(bytes, MAX_REPLY_HEAD_BYTES * 2)
    return { head: frame.head as NestedReply, first: rest, bytes }
  }

  async #request(gatewayId: string, options: RequestOptions): Promise<ClientRequest> {
    const address = await this.#address(gatewayId)
    if (address === undefined) throw new Error(`Cannot reach gateway ${gatewayId}: it has no data address`)
    const outgoing = request({
      ...options,
      ...placeOf(address, this.#options.machine),
      agent: this.#agent,
      headers: { authorization: `Bearer ${address.secret}` },
    })
    // Whoever waits for the answer hears of it; without a listener it would end the process.
    outgoing.on('error', () => {})
    return outgoing
  }

  #address(gatewayId: string): Promise<DataAddress | undefined> {
    const now = performance.now()
    const known = this.#addresses.get(gatewayId)
    if (known !== undefined && now - known.at < FORGET_AFTER_MS) return known.address
    for (const [id, { at }] of this.#addresses) if (now - at >= FORGET_AFTER_MS) this.#addresses.delete(id)
    const address = this.#options.lookUp(gatewayId)
    this.#addresses.set(gatewayId, { address, at: now })
    // What was not found is asked for again next time.
    address.then((found) => found ?? this.#addresses.delete(gatewayId)).catch(() => this.#addresses.delete(gatewayId))
    return address
  }

  [Symbol.dispose](): void {
    this.#agent.destroy()
  }
}

function placeOf(address: DataAddress, machine: string): RequestOptions {
  if (address.machine === machine || address.tcp === undefined) return { socketPath: address.socketPath }
  const colon = address.tcp.lastIndexOf(':')
  return { host: address.tcp.slice(0, colon).replace(/^\[|\]$/g, ''), port: address.tcp.slice(colon + 1) }
}

function answerTo(outgoing: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    outgoing.once('response', (answer: IncomingMessage) => {
      if (answer.statusCode === 200 || answer.statusCode === 204) resolve(answer)
      else {
        answer.resume()
        reject(new Error(`The gateway answered ${answer.statusCode} to ${outgoing.method} ${outgoing.path}`))
      }
    })
    outgoing.once('error', reject)
    outgoing.once('close', () => reject(new Error('The connection to the gateway was cut')))
  })
}
