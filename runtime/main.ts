// A worker process: `node runtime/main.ts`. SIGTERM: finish and leave. It goes with its parent: started with an IPC
// channel it ends when that closes, so that nothing outlives the platform.
import { pino } from 'pino'
import { readWorkerConfig, type WorkerConfig } from './config.ts'
import { Worker } from './worker/worker.ts'

let worker: Worker | undefined
const goWithParent = (): void => {
  worker?.kill()
  process.exit(0)
}
// Before anything is awaited, for it is said only once; and it may have been said while this was loaded.
process.on('disconnect', goWithParent)
if (process.send !== undefined && !process.connected) goWithParent()

const config = settings()
const log = pino({ level: config.logLevel, base: { worker: config.workerId } })
const started = await Worker.start(config, log)
worker = started
log.info({ pid: process.pid, memoryBudgetMb: config.memoryBudgetMb }, 'worker ready')

let stopping = false
const stop = (): void => {
  if (stopping) return
  stopping = true
  void started.stop().finally(() => process.exit(0))
}
process.on('SIGTERM', stop).on('SIGINT', stop)

function settings(): WorkerConfig {
  try {
    return readWorkerConfig(process.env, process.pid)
  } catch (error) {
    // A wrong setting is the operator's to mend: the message says how, a stack would hide it.
    process.stderr.write(`${(error as Error).message}\n`)
    process.exit(1)
  }
}
