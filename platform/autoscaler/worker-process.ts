import { type ChildProcess, fork } from 'node:child_process'
import { createInterface } from 'node:readline'

/** How to start a worker. It gets ISOLANE_WORKER_ID beside `env`, and an IPC channel whose end tells it to leave. */
export interface WorkerCommand {
  readonly module: string | URL
  readonly args?: readonly string[]
  readonly execArgv?: readonly string[]
  readonly env: NodeJS.ProcessEnv
}

interface Events {
  /** One line of its stderr. */
  readonly line: (line: string) => void
  /** Once, when it and everything it left behind is gone; `how` in words. */
  readonly ended: (how: string) => void
}

/** One worker process, head of its own process group, so that whatever survives its death can be found and killed. */
export class WorkerProcess {
  readonly #child: ChildProcess

  constructor(id: string, { module, args = [], execArgv = [], env }: WorkerCommand, { line, ended }: Events) {
    this.#child = fork(module, args, {
      execArgv: [...execArgv],
      env: { ...env, ISOLANE_WORKER_ID: id },
      detached: true,
      stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
    })
    if (this.#child.stderr) createInterface({ input: this.#child.stderr }).on('line', line)
    const once = Promise.withResolvers<string>()
    this.#child.once('error', (error) => {
      // Also emitted when a signal or message could not be delivered; then the process lives and `exit` follows.
      if (this.#child.pid === undefined) once.resolve(error.message)
    })
    this.#child.once('exit', (code, signal) => {
      this.#killGroup()
      once.resolve(signal ?? `exit code ${code}`)
    })
    void once.promise.then(ended)
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  /** Asks it to finish and leave. */
  terminate(): void {
    this.#child.kill('SIGTERM')
  }

  kill(): void {
    this.#killGroup()
  }

  /** The group keeps its number while anyone is left in it, so this reaches nobody else. */
  #killGroup(): void {
    if (this.#child.pid === undefined) return
    try {
      process.kill(-this.#child.pid, 'SIGKILL')
    } catch (error) {
      // ESRCH: nobody left. EPERM: macOS says so of a group of dead processes.
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'ESRCH' && code !== 'EPERM') throw error
    }
  }
}
