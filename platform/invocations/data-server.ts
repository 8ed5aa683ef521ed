import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { type DataAddress, parseDataReplyHead } from '../../runtime/contract/data.ts'
import { readFirstFrame } from '../../runtime/contract/first-frame.ts'
import { MAX_REPLY_HEAD_BYTES, MAX_STREAMED_BODY_BYTES } from '../../runtime/contract/limits.ts'
import { machineId } from '../../runtime/lane/machine-id.ts'
import { StartError } from '../start-error.ts'
import { ByteFlow } from './byte-flow.ts'
import type { OpenInvocations } from './open-invocations.ts'
import { parseReplyHead } from './reply-head.ts'

export interface DataServerOptions {
  /** Where its socket lies, in a folder of its own, unless that makes too long a path. */
  readonly dataDir: string
  readonly open: OpenInvocations
  /** Takes a request whose bearer may ask; answers it by itself, whatever happens. */
  readonly nested: (incoming: IncomingMessage, outgoing: ServerResponse) => Promise<void>
  /** Where workers on other machines find it; undefined: there are none. */
  readonly host: string | undefined
  readonly onError: (error: Error) => void
}

export interface DataServer {
  readonly address: DataAddress
  close(): Promise<void>
}

const OF_INVOCATION = /^\/invocations\/([0-9a-f-]{36}\/\d{1,7})\/(request|reply)$/
const MAX_FRAME_BYTES = MAX_REPLY_HEAD_BYTES + 16 * 1024
const IDLE_MS = 60_000

/** The gateway's side of the data connection (contract/data.ts). */
export async function openDataServer({ dataDir, open, nested, host, onError }: DataServerOptions): Promise<DataServer> {
  await using releases = new AsyncDisposableStack()
  const secret = randomBytes(32).toString('hex')
  const isBearer = bearerCheck(secret)
  const listener = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    serve(incoming, outgoing).catch((error: Error) => {
      onError(error)
      outgoing.destroy()
    })
  }

  async function serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    if (!isBearer(incoming.headers.authorization)) return refuse(outgoing, 401)
    const [, key = '', what] = OF_INVOCATION.exec(incoming.url ?? '') ?? []
    const call = `${incoming.method} ${what ?? incoming.url}`
    if (call === 'GET request') return await giveRequest(open, key, outgoing)
    if (call === 'POST reply') return await takeReply(open, key, incoming, outgoing)
    if (call === 'POST /invoke') return await nested(incoming, outgoing)
    refuse(outgoing, 404)
  }

  const folder = releases.adopt(await privateFolder(dataDir), (it) => rm(it, { recursive: true, force: true }))
  const socketPath = join(folder, 'data.sock')
  const local = releases.adopt(makeServer(listener), end)
  await listening(local, (done) => local.listen(socketPath, done))
  let tcp: string | undefined
  if (host !== undefined) {
    const remote = releases.adopt(makeServer(listener), end)
    try {
      await listening(remote, (done) => remote.listen(0, host, done))
    } catch (error) {
      throw new StartError(
        `Cannot listen on ${host} for workers on other machines: ${(error as Error).message}. Set ISOLANE_HOST to an address of this machine that they reach.`,
      )
    }
    const { address, family, port } = remote.address() as AddressInfo
    tcp = `${family === 'IPv6' ? `[${address}]` : address}:${port}`
  }
  const opened = releases.move()
  return {
    address: { machine: machineId(), socketPath, secret, ...(tcp === undefined ? {} : { tcp }) },
    close: () => opened.disposeAsync(),
  }
}

/** The body of a call's request, as its caller sends it. */
async function giveRequest(open: OpenInvocations, key: string, outgoing: ServerResponse): Promise<void> {
  const body = open.get(key)?.body
  if (body === undefined) return refuse(outgoing, 404)
  if (Buffer.isBuffer(body)) {
    outgoing.writeHead(200, { 'content-length': body.length }).end(body)
    return
  }
  if (body.taken) return refuse(outgoing, 409)
  outgoing.writeHead(200, body.length === undefined ? {} : { 'content-length': body.length })
  outgoing.flushHeaders()
  if ((await body.into(outgoing)) === 'whole') outgoing.end()
  else outgoing.destroy()
}

/** A reply beside the lane. Answered when its caller has all of it. */
async function takeReply(open: OpenInvocations, key: string, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const invocation = open.get(key)
  if (invocation === undefined) return refuse(outgoing, 404)
  const { frame, rest } = await readFirstFrame(incoming, MAX_FRAME_BYTES)
  const head = parseReplyHead(frame.text)
  const { length } = head?.stream ?? {}
  const body = new ByteFlow(incoming, {
    first: rest.length === 0 ? [] : [rest],
    maxBytes: MAX_STREAMED_BODY_BYTES,
    ...(length === undefined ? {} : { length }),
  })
  if (!invocation.takeReply({ ...parseDataReplyHead(frame.head), head, body })) return refuse(outgoing, 404)
  if ((await body.over) === 'whole') outgoing.writeHead(204).end()
  else incoming.destroy()
}

function refuse(outgoing: ServerResponse, status: 401 | 404 | 409): void {
  outgoing.writeHead(status, { connection: 'close', 'content-length': 0 }).end()
}

/** In constant time, whatever was presented: compared are two hashes. */
function bearerCheck(secret: string): (presented: string | undefined) => boolean {
  const hash = (text: string): Buffer => createHash('sha256').update(text).digest()
  const wanted = hash(`Bearer ${secret}`)
  return (presented) => timingSafeEqual(hash(presented ?? ''), wanted)
}

/** For this user only (mkdtemp makes it so), and with a path short enough for a socket. */
async function privateFolder(dataDir: string): Promise<string> {
  const parent = [dataDir, tmpdir()].find((path) => Buffer.byteLength(path) <= LONGEST_PARENT) ?? '/tmp'
  return await mkdtemp(join(parent, parent === dataDir ? 'gateway-' : 'isolane-data-'))
}

/** A socket's path may have 107 bytes on Linux and 103 on macOS. */
const LONGEST_PARENT = 100 - '/isolane-data-XXXXXX/data.sock'.length

function makeServer(listener: (incoming: IncomingMessage, outgoing: ServerResponse) => void): Server {
  // A body may take as long as its caller and its function like; both have clocks of their own.
  return createServer({ requestTimeout: 0, keepAliveTimeout: IDLE_MS }, listener)
}

async function listening(server: Server, listen: (done: () => void) => void): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    listen(() => {
      server.off('error', reject)
      resolve()
    })
  })
}

async function end(server: Server): Promise<void> {
  const ended = new Promise<void>((resolve) => server.close(() => resolve()))
  server.closeAllConnections()
  await ended
}

/** Where other machines reach this one: what it was told to listen on, unless that means "everywhere" or "here". */
export function reachableHost(host: string): string {
  if (!/^(0\.0\.0\.0|::|127\..*|::1|localhost)$/.test(host)) return host
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? [])
  // Addresses of one link only need a zone, which means nothing elsewhere.
  return addresses.find(({ internal, address }) => !internal && !address.startsWith('fe80:'))?.address ?? '127.0.0.1'
}
