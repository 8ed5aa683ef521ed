/** A stand-in for the platform: starts the embedded servers, says so in one line of JSON, and waits to be killed. */
import { startEmbeddedRedis } from '../../platform/redis/embedded-redis.ts'

const [binary = '', dataDir = ''] = process.argv.slice(2)

try {
  const { laneUrl, storeUrl, pids } = await startEmbeddedRedis({ binary, dataDir, log: { info() {}, warn() {} } })
  process.stdout.write(`${JSON.stringify({ laneUrl, storeUrl, pids })}\n`)
  process.stdin.resume()
} catch (error) {
  process.stdout.write(`${JSON.stringify({ refused: (error as Error).message })}\n`)
}
