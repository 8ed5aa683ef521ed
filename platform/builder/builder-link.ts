import type { Frame } from '../../runtime/contract/frame.ts'
import { FrameSplitter } from '../../runtime/contract/frame.ts'
import { MAX_ANSWER_FRAME_BYTES } from './builder-wire.ts'
import type { BuilderChild } from './spawn-builder-child.ts'

export type Answer = { readonly frame: Frame } | { readonly died: string }

const KEPT_STDERR_CHARS = 2_000

/** The parent's end of one builder child: asked and answered in turn, and gone for good once disposed. */
export class BuilderLink implements Disposable {
  readonly #child: BuilderChild
  readonly #frames: Frame[] = []
  #death: string | undefined
  #complaint = ''
  #wake: (() => void) | undefined

  constructor(child: BuilderChild) {
    this.#child = child
    const splitter = new FrameSplitter(MAX_ANSWER_FRAME_BYTES)
    child.stdout.on('data', (chunk: Buffer) => {
      try {
        this.#frames.push(...splitter.push(chunk))
      } catch (error) {
        this.#die(String(error))
      }
      this.#wake?.()
    })
    child.stderr.on('data', (chunk: Buffer) => {
      if (this.#complaint.length < KEPT_STDERR_CHARS) this.#complaint += chunk.toString().slice(0, KEPT_STDERR_CHARS)
    })
    // A pipe that breaks is told by the child's end.
    child.stdin.on('error', () => {})
    child.once('error', (error) => this.#die(String(error)))
    child.once('exit', () => this.#killGroup())
    child.once('close', (code, signal) => this.#die(`ended with ${signal ?? code}: ${this.#complaint}`))
  }

  get alive(): boolean {
    return this.#death === undefined && this.#child.exitCode === null && this.#child.signalCode === null
  }

  send(message: Buffer): void {
    this.#child.stdin.write(message)
  }

  /** The child's next answer, or why there will be none. One waiter at a time. */
  async next(timeoutMs: number): Promise<Answer> {
    using _clock = setTimeout(() => this.#die(`no answer in ${timeoutMs} ms`), timeoutMs)
    for (;;) {
      const frame = this.#frames.shift()
      if (frame) return { frame }
      if (this.#death !== undefined) return { died: this.#death }
      await new Promise<void>((wake) => {
        this.#wake = wake
      })
    }
  }

  [Symbol.dispose](): void {
    this.#die('thrown away')
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#killGroup()
    for (const pipe of [this.#child.stdin, this.#child.stdout, this.#child.stderr]) pipe.destroy()
  }

  #die(reason: string): void {
    this.#death ??= reason
    this.#wake?.()
  }

  /** The child leads a process group of its own, and esbuild's native half is in it: it must not outlive the child. */
  #killGroup(): void {
    if (this.#child.pid === undefined) return
    try {
      process.kill(-this.#child.pid, 'SIGKILL')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
}
