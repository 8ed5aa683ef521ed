import { type IncomingMessage, request } from 'node:http'

/** A request as it goes over the wire: what `fetch` would tidy up stays as it is. */
export interface RawRequest {
  readonly method?: string
  /** Sent as it is, not normalised. */
  readonly path: string
  /** Names may repeat. */
  readonly headers?: readonly (readonly [string, string])[]
  readonly body?: Uint8Array | string
}

export interface RawResponse {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  /** Values of every field of this name, one for each line it came in. */
  all(name: string): string[]
  readonly body: Buffer
  text(): string
  // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever came.
  json(): any
}

/** One request on a connection of its own. */
export function rawRequest(base: string, { method = 'GET', path, headers = [], body }: RawRequest): Promise<RawResponse> {
  const { hostname, port } = new URL(base)
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, path, method, agent: false }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => resolve(read(response, Buffer.concat(chunks))))
      response.on('error', reject)
    })
    const values = new Map<string, string[]>()
    for (const [name, value] of headers) values.set(name, [...(values.get(name) ?? []), value])
    for (const [name, list] of values) sent.setHeader(name, list.length === 1 ? (list[0] as string) : list)
    sent.on('error', reject)
    sent.end(body)
  })
}

function read(response: IncomingMessage, body: Buffer): RawResponse {
  return {
    status: response.statusCode as number,
    headers: response.headers,
    all(name) {
      const found: string[] = []
      for (let i = 0; i < response.rawHeaders.length; i += 2) {
        if (response.rawHeaders[i]?.toLowerCase() === name) found.push(response.rawHeaders[i + 1] as string)
      }
      return found
    },
    body,
    text: () => body.toString('utf8'),
    json: () => JSON.parse(body.toString('utf8')),
  }
}
