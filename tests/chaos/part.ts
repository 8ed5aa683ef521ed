import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const READY = /isolane is ready on (\S+)|isolane runs here as/

/** One platform process with a role of its own, that is started again whenever it dies unasked. */
export class Part {
  readonly name: string
  /** Everything its lives have printed. */
  output = ''
  readonly #env: NodeJS.ProcessEnv
  #child: ChildProcess | undefined
  #ready = Promise.withResolvers<void>()
  #life = ''
  #stopping = false

  constructor(name: string, env: NodeJS.ProcessEnv) {
    this.name = name
    this.#env = env
    this.#spawn()
  }

  get pid(): number {
    const pid = this.#child?.pid
    if (pid === undefined) throw new Error(`${this.name} does not run`)
    return pid
  }

  /** Where it listens; undefined while it is not ready. */
  get url(): string | undefined {
    return READY.exec(this.#life)?.[1]
  }

  /** Of the present life. */
  get ready(): Promise<void> {
    return this.#ready.promise
  }

  /** SIGKILL; the next life begins at once. */
  kill(): void {
    this.#child?.kill('SIGKILL')
  }

  /** Asks it to end, for good. How it ended: an exit code, or the signal that did it. */
  async stop(): Promise<number | NodeJS.Signals | null> {
    this.#stopping = true
    const child = this.#child as ChildProcess
    if (child.exitCode !== null || child.signalCode !== null) return child.signalCode ?? child.exitCode
    child.kill('SIGTERM')
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
    return signal ?? code
  }

  #spawn(): void {
    this.#ready = Promise.withResolvers()
    this.#life = ''
    const child = spawn(process.execPath, [join(ROOT, 'platform/main.ts')], { cwd: ROOT, env: this.#env, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
    this.#child = child
    const hear = (text: string): void => {
      this.output += text
      this.#life += text
      if (READY.test(this.#life)) this.#ready.resolve()
    }
    child.stdout?.setEncoding('utf8').on('data', hear)
    child.stderr?.setEncoding('utf8').on('data', hear)
    child.once('exit', () => {
      if (!this.#stopping) this.#spawn()
    })
  }
}
