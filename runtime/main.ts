// A worker process: `node runtime/main.ts`. SIGTERM: finish and leave. It goes with its parent: started with an IPC
// channel it ends when that closes, so that nothing outlives the platform.
import { pino } from 'pino'
import { readWorkerConfig } from './config.ts'
import { Worker } from './worker/worker.ts'

const config = readWorkerConfig(process.env, process.pid)
const log = pino({ level: config.logLevel, base: { worker: config.workerId } })
const worker = await Worker.start(config, log)
log.info({ pid: process.pid, memoryBudgetMb: config.memoryBudgetMb }, 'worker ready')

let stopping = false
const stop = (): void => {
  if (stopping) return
  stopping = true
  void worker.stop().finally(() => process.exit(0))
}
process.on('SIGTERM', stop).on('SIGINT', stop)
process.on('disconnect', () => {
  worker.kill()
  process.exit(0)
})
