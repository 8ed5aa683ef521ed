import { connect, isIP, type LookupFunction, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { EgressBlocked } from './egress-blocked.ts'
import { type EgressGuard, isTranslated } from './egress-guard.ts'
import type { ResolveName } from './resolve-name.ts'

export interface DialTarget {
  readonly secure: boolean
  /** A name, or an address without brackets; in lower case, as the URL parser leaves it. */
  readonly host: string
  readonly port: number
}

export interface Dialer {
  readonly guard: EgressGuard
  readonly resolve: ResolveName
  /** Name, connection and TLS together. */
  readonly timeoutMs: number
}

/**
 * Connects, if the guard lets it: an address is checked before it is dialled, whether it stood in the URL or came of a
 * name, and the one that was reached is checked again. Only checked addresses are dialled, so what the name says a moment
 * later is of no interest.
 *
 * @throws EgressBlocked; the signal's reason; what DNS, TCP or TLS has against it, with its `code`
 */
export async function dial({ secure, host, port }: DialTarget, { guard, resolve, timeoutMs }: Dialer, signal: AbortSignal): Promise<Socket> {
  const giveUp = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])
  const addresses = await orAbort(reachable(host, port, guard, resolve), giveUp)
  const lookup: LookupFunction = (_name, { all }, found) => {
    if (all) found(null, addresses)
    else found(null, (addresses[0] as Resolved).address, (addresses[0] as Resolved).family)
  }
  const options = { host, port, lookup, autoSelectFamily: true, noDelay: true, keepAlive: true }
  const socket = secure
    ? connectTls({ ...options, servername: isIP(host) === 0 ? host.replace(/\.$/, '') : '', ALPNProtocols: ['http/1.1'] })
    : connect(options)
  try {
    await connected(socket, secure ? 'secureConnect' : 'connect', giveUp)
    if (socket.remoteAddress === undefined || !guard.mayReach(host, socket.remoteAddress, port)) throw new EgressBlocked('address', host)
    return socket
  } catch (error) {
    socket.destroy()
    throw error
  }
}

interface Resolved {
  readonly address: string
  readonly family: number
}

async function reachable(host: string, port: number, guard: EgressGuard, resolve: ResolveName): Promise<Resolved[]> {
  if (!guard.mayUsePort(host, port)) throw new EgressBlocked('port', `${port}`)
  const isAddress = isIP(host) !== 0
  const all = isAddress ? [host] : await resolve(host, guard.names(host))
  // One forbidden address makes the whole answer suspect. Two exceptions, which are left out and nothing more: the stand-ins
  // that resolvers of IPv6 networks add for every name, and the second loopback address of `localhost`.
  const allowed = all.filter((address) => guard.mayReach(host, address, port))
  const harmless = (address: string) => isTranslated(address) || /(^|\.)localhost\.?$/.test(host)
  const suspect = all.some((address) => !allowed.includes(address) && !harmless(address))
  if (allowed.length === 0 || suspect) {
    throw new EgressBlocked(isAddress ? 'address' : 'name', host, guard.opensOtherPorts(host, port) ? port : undefined)
  }
  return allowed.map((address) => ({ address, family: isIP(address) }))
}

function connected(socket: Socket, event: string, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const abort = () => reject(signal.reason)
  socket.once(event, resolve).once('error', reject)
  signal.addEventListener('abort', abort, { once: true })
  // Whatever it says after this is for whoever has it then; without anyone it must not be thrown.
  return promise.finally(() => {
    signal.removeEventListener('abort', abort)
    socket.on('error', () => {})
  })
}

function orAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  const abort = () => reject(signal.reason)
  if (signal.aborted) abort()
  signal.addEventListener('abort', abort, { once: true })
  work.then(resolve, reject)
  return promise.finally(() => signal.removeEventListener('abort', abort))
}
