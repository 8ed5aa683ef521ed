import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Registry } from 'prom-client'
import { StartError } from '../start-error.ts'

export interface MetricsServerOptions {
  readonly host: string
  readonly port: number
  /** Nobody asked for this port: when it is taken, any other will do. */
  readonly anyPortWillDo: boolean
  readonly registry: Registry
}

/** `/metrics` and `/healthz` on a port of their own, which need not be open to callers. */
export async function serveMetrics({ host, port, anyPortWillDo, registry }: MetricsServerOptions): Promise<{ port: number; close(): Promise<void> }> {
  const server = createServer(async (request, response) => {
    if (request.url === '/healthz') {
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"status":"alive"}')
    } else if (request.url === '/metrics') {
      response.writeHead(200, { 'content-type': registry.contentType }).end(await registry.metrics())
    } else {
      response.writeHead(404).end()
    }
  })
  try {
    await listen(server, host, port)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'EADDRINUSE' || !anyPortWillDo) {
      throw new StartError(
        `Cannot serve metrics on ${host}:${port}: ${code === 'EADDRINUSE' ? 'the port is taken' : (error as Error).message}. Set ISOLANE_METRICS_PORT to another one, or to 0 for any that is free.`,
      )
    }
    await listen(server, host, 0)
  }
  return {
    port: (server.address() as AddressInfo).port,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
}
