// Calls a URL at even times, whatever comes of the calls before, and posts each one's beginning, time and failure: [ms since 1970, ms, why].
import { Agent, request } from 'node:http'
import { parentPort, workerData } from 'node:worker_threads'

const { url, key, everyMs } = workerData as { url: string; key: string; everyMs: number }
const agent = new Agent({ keepAlive: true })

setInterval(() => {
  const startedAt = performance.now()
  const tell = (failure?: string): void => parentPort?.postMessage([performance.timeOrigin + startedAt, performance.now() - startedAt, failure])
  request(url, { agent, headers: { authorization: `Bearer ${key}` } }, (response) => {
    response.resume().on('end', () => tell(response.statusCode === 200 ? undefined : String(response.statusCode)))
  })
    .on('error', (error) => tell(error.message))
    .end()
}, everyMs)
