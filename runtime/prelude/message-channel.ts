import { Event } from './event.ts'
import { MessageEvent } from './event-kinds.ts'
import { dispatchTrusted, EventTarget, HandlerAttribute } from './event-target.ts'
import { append, type List, newList, toArray } from './list.ts'
import { arrayIsArray, isObject, SafeTypeError } from './primordials.ts'
import { cloneWithTransfer, setPortTransfer } from './structured-clone.ts'
import { startTimer } from './timers.ts'

interface Message {
  readonly data: unknown
  readonly ports: unknown[]
}

/** One end of a channel: what a port is the handle of, and what moves when a port is transferred. */
interface End {
  other: End | undefined
  /** Undefined between a transfer and the new port. */
  port: MessagePort | undefined
  readonly queue: List<Message>
  started: boolean
}

const INTERNAL = { __proto__: null }
let createPort: (end: End) => MessagePort

export class MessagePort extends EventTarget {
  /** Undefined once the port has been transferred. */
  #end: End | undefined
  #onmessage: HandlerAttribute | undefined
  #onmessageerror: HandlerAttribute | undefined
  #onclose: HandlerAttribute | undefined

  constructor(token?: unknown) {
    if (token !== INTERNAL) throw new SafeTypeError('Cannot construct a MessagePort: use new MessageChannel()')
    super()
  }

  postMessage(message: unknown, options?: unknown): void {
    const transfer = (arrayIsArray(options) ? options : isObject(options) ? (options as { transfer?: unknown }).transfer : undefined) as
      | Iterable<unknown>
      | undefined
    const target = this.#end?.other
    const { clone, ports } = cloneWithTransfer(message, transfer, this)
    if (target === undefined) return
    append(target.queue, { data: clone, ports: toArray(ports) })
    if (target.started) scheduleDelivery(target)
  }

  /** Lets messages come; setting `onmessage` does it too. */
  start(): void {
    const end = this.#end
    if (end === undefined || end.started) return
    end.started = true
    for (let waiting = end.queue.length; waiting > 0; waiting--) scheduleDelivery(end)
  }

  /** Messages sent before still arrive at the other side. */
  close(): void {
    const other = this.#end?.other
    if (this.#end === undefined || other === undefined) return
    this.#end.other = undefined
    other.other = undefined
    this.#end.queue.length = 0
    startTimer(() => other.port !== undefined && dispatchTrusted(other.port, new Event('close')), 0, false, [])
  }

  get onmessage(): unknown {
    return this.#onmessage?.value ?? null
  }
  set onmessage(handler: unknown) {
    this.#onmessage ??= new HandlerAttribute(this, 'message')
    this.#onmessage.value = handler
    this.start()
  }
  get onmessageerror(): unknown {
    return this.#onmessageerror?.value ?? null
  }
  set onmessageerror(handler: unknown) {
    this.#onmessageerror ??= new HandlerAttribute(this, 'messageerror')
    this.#onmessageerror.value = handler
  }
  get onclose(): unknown {
    return this.#onclose?.value ?? null
  }
  set onclose(handler: unknown) {
    this.#onclose ??= new HandlerAttribute(this, 'close')
    this.#onclose.value = handler
  }

  static {
    createPort = (end) => {
      const port = new MessagePort(INTERNAL)
      port.#end = end
      end.port = port
      return port
    }
    setPortTransfer({
      isPort: (value) => #end in value,
      isDetached: (port) => (port as MessagePort).#end === undefined,
      transfer: (port) => {
        const end = (port as MessagePort).#end as End
        ;(port as MessagePort).#end = undefined
        end.started = false
        return createPort(end)
      },
    })
  }
}

/** Delivery is a task of its own: one message, in the name of the invocation that runs now, and lost when that ends. */
function scheduleDelivery(end: End): void {
  startTimer(() => deliver(end), 0, false, [])
}

function deliver(end: End): void {
  if (!end.started || end.port === undefined || end.queue.length === 0) return
  const { data, ports } = end.queue[0] as Message
  for (let at = 1; at < end.queue.length; at++) end.queue[at - 1] = end.queue[at] as Message
  end.queue.length--
  dispatchTrusted(end.port, new MessageEvent('message', { data, ports }))
}

export class MessageChannel {
  readonly #port1: MessagePort
  readonly #port2: MessagePort

  constructor() {
    const one: End = { other: undefined, port: undefined, queue: newList(), started: false }
    const two: End = { other: one, port: undefined, queue: newList(), started: false }
    one.other = two
    this.#port1 = createPort(one)
    this.#port2 = createPort(two)
  }

  get port1(): MessagePort {
    return this.#port1
  }
  get port2(): MessagePort {
    return this.#port2
  }
}
