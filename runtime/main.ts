// A worker process: `node runtime/main.ts`. SIGTERM: finish and leave. It goes with its parent: started with an IPC
// channel it ends when that closes, so that nothing outlives the platform.
import { pino } from 'pino'
import { readWorkerConfig, type WorkerConfig } from './config.ts'
import { Worker } from './worker/worker.ts'

const config = settings()
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

function settings(): WorkerConfig {
  try {
    return readWorkerConfig(process.env, process.pid)
  } catch (error) {
    // A wrong setting is the operator's to mend: the message says how, a stack would hide it.
    process.stderr.write(`${(error as Error).message}\n`)
    process.exit(1)
  }
}
