import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Hears from the functions themselves that they run: what the platform says of itself is not asked. */
export interface Witness extends AsyncDisposable {
  /** `http://127.0.0.1:port/`; a function posts its invocation id and a word of its own to it, once for every time it is entered. */
  readonly url: string
  /** For ISOLANE_EGRESS_ALLOW. */
  readonly address: string
  /** How often each invocation was entered. A report that is sent again by the way counts once. */
  entered(): ReadonlyMap<string, number>
}

export async function openWitness(): Promise<Witness> {
  const words = new Map<string, Set<string>>()
  const server = createServer(async (request, response) => {
    const pieces: Buffer[] = []
    try {
      for await (const piece of request) pieces.push(piece as Buffer)
      const [id = '', word = ''] = Buffer.concat(pieces).toString('latin1').split(' ')
      words.set(id, (words.get(id) ?? new Set()).add(word))
      response.end('seen')
    } catch {
      // Its sender was killed on the way.
      response.destroy()
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/`,
    address: `127.0.0.1:${port}`,
    entered: () => new Map([...words].map(([id, said]) => [id, said.size])),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
