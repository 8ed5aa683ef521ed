import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { posix } from 'node:path'
import ivm from 'isolated-vm'
import { Holdings } from '../../runtime/cell/holdings.ts'
import { answerLocally } from '../../runtime/cell/local-answer.ts'
import { asLocalCall } from '../../runtime/cell/local-call.ts'
import type { Post } from '../../runtime/cell/sandbox.ts'
import { ATTACH } from '../../runtime/prelude/attach.ts'
import { AFTER_HARNESS, BEFORE_HARNESS } from './isolate-setup.ts'
import { serveFile, TEST_ORIGIN } from './serve-file.ts'
import type { TestFile } from './test-file.ts'

export type SubtestStatus = 'pass' | 'fail' | 'timeout' | 'notrun' | 'precondition'

export interface FileResult {
  readonly subtests: readonly { readonly name: string; readonly status: SubtestStatus; readonly message: string }[]
  /** Why the file as a whole did not end well: an error at its top level, tests that never ended, the isolate's end. */
  readonly harness?: string
}

const MEMORY_MB = 128
/** One entry into the isolate. */
const SLICE_MS = 20_000
/** Entries by timers in one file; a test that goes on beyond is taken for endless. */
const MAX_TIMER_SLICES = 20_000
const FINISHED = '__conformanceScriptEnded'

/** Never answers: its invocation stays open, and timers belong to it, as long as the tests run. */
const HANDLER = '(function (module) { module.exports.default = () => new Promise(() => {}) })'

/** Runs one test file in an isolate of its own. The clock is virtual: a timer fires when nothing due before it is left. */
export async function runTestFile(root: string, file: TestFile, snapshot: ivm.ExternalCopy<ArrayBuffer>): Promise<FileResult> {
  const isolate = new TestIsolate(root, file, snapshot)
  try {
    return await isolate.run()
  } catch (error) {
    return { subtests: [], harness: `error: ${error instanceof Error ? error.message : error}` }
  } finally {
    isolate.dispose()
  }
}

class TestIsolate {
  readonly #root: string
  readonly #file: TestFile
  readonly #isolate: ivm.Isolate
  readonly #context: ivm.Context
  readonly #entry: ivm.Reference
  #timers: { call: number; number: number; dueMs: number; order: number }[] = []
  #order = 0
  #nowMs = 0
  #result: FileResult | undefined
  #topLevelError: string | undefined
  /** What the cell holds for this isolate, and how much of what it was asked for it has not answered. */
  readonly #holdings = new Holdings()
  #localCalls = 0
  #answered: () => void = () => {}

  constructor(root: string, file: TestFile, snapshot: ivm.ExternalCopy<ArrayBuffer>) {
    this.#root = root
    this.#file = file
    this.#isolate = new ivm.Isolate({ memoryLimit: MEMORY_MB, snapshot })
    this.#context = this.#isolate.createContextSync()
    const post = new ivm.Callback((kind: string, call: number, text = '', body?: Post['body'], extra = 0) => {
      if (kind === 'call') this.#answer({ kind, call, text, body, extra })
      if (kind === 'timer') this.#timers.push({ call, number: extra, dueMs: this.#nowMs + Number(text), order: ++this.#order })
      if (kind === 'untimer') this.#timers = this.#timers.filter((timer) => timer.number !== extra)
    })
    this.#entry = this.#context.evalClosureSync(ATTACH, [post, false], { result: { reference: true } })
  }

  async run(): Promise<FileResult> {
    const { path, query, scripts } = this.#file
    this.#load()
    this.#script('before the harness', BEFORE_HARNESS)
    this.#script('resources/testharness.js', this.#source('resources/testharness.js'))
    const report = new ivm.Callback((text: unknown) => {
      this.#result = JSON.parse(String(text))
    })
    this.#context.evalClosureSync(AFTER_HARNESS, [report, path, query, TEST_ORIGIN], { timeout: SLICE_MS })
    for (const script of scripts) this.#script(script, this.#source(script))
    this.#script(path, this.#source(path))
    this.#script('the end', 'done()')
    for (let slice = 0; this.#result === undefined && slice < MAX_TIMER_SLICES; ) {
      if (this.#localCalls > 0) await this.#nextAnswer()
      else if (this.#fireNext()) slice++
      else break
    }
    if (this.#result === undefined) this.#script('time is up', 'timeout()')
    if (this.#result === undefined) return { subtests: [], harness: this.#topLevelError ?? 'timeout: nothing was reported' }
    const harness = this.#topLevelError ?? this.#result.harness
    return harness === undefined ? this.#result : { ...this.#result, harness }
  }

  dispose(): void {
    this.#holdings.release()
    if (!this.#isolate.isDisposed) this.#isolate.dispose()
  }

  #load(): void {
    const module = this.#isolate.compileScriptSync(HANDLER).runSync(this.#context, { reference: true }) as ivm.Reference
    const spec = { tenant: 'acme', name: 'wpt', version: 1, env: {} }
    this.#enter('load', 1, JSON.stringify(spec), new ivm.ExternalCopy(new Uint8Array(randomBytes(32)).buffer).copyInto(), module.derefInto())
    this.#enter('invoke', 2, JSON.stringify({ door: 'rpc', id: 'wpt', deadlineAt: Date.now() + 600_000, headers: [] }))
  }

  /** With the cell's own code, or a file for `fetch`; other calls are not answered. */
  async #answer(post: Post): Promise<void> {
    const asked = asLocalCall(post)
    if (asked === undefined && !post.text.startsWith('{"op":"fetch"')) return
    this.#localCalls++
    const { reply, body } = asked === undefined ? serveFile(this.#root, post.text) : await answerLocally(asked, this.#holdings)
    // Never within the slice that asks.
    await Promise.resolve()
    this.#localCalls--
    if (!this.#isolate.isDisposed)
      this.#enter(
        'settle',
        post.call,
        JSON.stringify(reply),
        body === undefined ? undefined : new ivm.ExternalCopy(body).copyInto({ release: true }),
        post.extra,
      )
    this.#answered()
  }

  #nextAnswer(): Promise<void> {
    return new Promise((resolve) => {
      this.#answered = resolve
    })
  }

  #fireNext(): boolean {
    this.#timers.sort((a, b) => a.dueMs - b.dueMs || a.order - b.order)
    const next = this.#timers.shift()
    if (next === undefined) return false
    this.#nowMs = Math.max(this.#nowMs, next.dueMs)
    this.#enter('timer', next.call, undefined, undefined, next.number)
    return true
  }

  #enter(kind: string, call: number, text?: string, body?: unknown, extra?: unknown): void {
    this.#slice(() => this.#entry.applySync(undefined, [kind, call, text, body, extra], { timeout: SLICE_MS }))
  }

  /** At the end of a slice isolated-vm throws the first rejection nobody handled, which is the test's own affair. */
  #slice(run: () => void): void {
    try {
      run()
    } catch (error) {
      if (error instanceof Error && error.message === 'Script execution timed out.') throw error
      if (this.#isolate.isDisposed) throw new Error('the isolate ran out of memory')
    }
  }

  #script(name: string, source: string): void {
    this.#context.global.setSync(FINISHED, false)
    let thrown: unknown
    const script = this.#isolate.compileScriptSync(`${source}\n;globalThis.${FINISHED} = true`, { filename: name })
    this.#slice(() => {
      try {
        script.runSync(this.#context, { timeout: SLICE_MS })
      } catch (error) {
        thrown = error
        throw error
      }
    })
    const ended = this.#context.global.getSync(FINISHED)
    if (ended !== true) this.#topLevelError ??= `error: ${name} threw ${thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : thrown}`
  }

  #source(path: string): string {
    return readFileSync(posix.join(this.#root, path), 'utf8')
  }
}
