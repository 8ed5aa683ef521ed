import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { flowFrom } from '../invocations/byte-flow.ts'

/** How long a sender may go on with what nobody reads, after its answer. */
const MAX_REST_MS = 10_000

/**
 * A call may be answered before its body was read. Closing the connection then would reset it, and a caller that is still
 * sending would lose the answer that is on its way; leaving the rest unread would block what comes next on the connection.
 * So the rest is read and dropped. Who then still sends for long is cut off.
 */
export function dropRestOfBodies(server: Server): void {
  server.on('request', (incoming: IncomingMessage, outgoing: ServerResponse) => {
    if (incoming.headers['content-length'] === undefined && incoming.headers['transfer-encoding'] === undefined) return
    outgoing.once('prefinish', () => {
      if (!incoming.complete) lingerFor(incoming)
    })
    outgoing.once('finish', () => {
      const flow = flowFrom(incoming)
      // A function that reads may read on after its answer (`waitUntil`); one that has not begun comes too late.
      if (flow?.taken !== true) flow?.cut()
      if (flow === undefined) dropRest(incoming)
      else void flow.over.then(() => setImmediate(dropRest, incoming))
    })
  })
}

/** After the last answer on a connection Node closes both its directions at once, and has no option for that: here it closes its own first. */
function lingerFor(incoming: IncomingMessage): void {
  const { socket } = incoming
  const close = socket.destroySoon
  socket.destroySoon = () => {
    socket.destroySoon = close
    socket.end()
    const closeAll = (): void => socket.destroySoon()
    if (incoming.readableEnded || incoming.destroyed) closeAll()
    else incoming.once('close', closeAll)
  }
}

function dropRest(incoming: IncomingMessage): void {
  if (incoming.readableEnded || incoming.destroyed) return
  // Of somebody who stopped in the middle.
  incoming.removeAllListeners('data')
  const { socket } = incoming
  const cut = setTimeout(() => socket.destroy(), MAX_REST_MS)
  incoming.once('close', () => clearTimeout(cut))
  incoming.resume()
}
