import type { SliceEnd } from '../contract/cell-frames.ts'
import { MAX_OPEN_HOST_CALLS, MAX_POSTS_PER_SLICE } from '../contract/messages.ts'
import type { Holdings } from './holdings.ts'
import { answerLocally, type LocalAnswer } from './local-answer.ts'
import { asLocalCall, isLocalCall, type LocalCall } from './local-call.ts'
import { MAX_LOCAL_BYTES, MAX_POST_BYTES, type Post, postBytes, type Sandbox, type SliceResult } from './sandbox.ts'

/** How many are handed to the thread pool at once. Few, because what the pool has begun cannot be taken back. */
const MAX_RUNNING = 8

/** What it needs of a sandbox. */
type Enterable = Pick<Sandbox, 'enter' | 'dispose'>

/** Whether a slice made calls that the cell has to answer before its frame is answered. */
export function needsLocalAnswers({ end, posts }: SliceResult): boolean {
  if (end !== 'ok') return false
  for (const post of posts) if (isLocalCall(post.kind, post.text)) return true
  return false
}

/**
 * The rest of a slice that made local calls: each is answered on the thread pool, and the isolate entered again with the
 * answer, until none is open. All of it is one frame: one invocation, one guard (wall time since the first entry), one
 * result with the messages of every entry.
 *
 * When it ends early, calls that have begun are waited for: whose CPU they burn must be known. A long one meets the
 * worker's kill clock.
 */
export class LocalSlice {
  readonly #sandbox: Enterable
  readonly #holdings: Holdings
  readonly #guardMs: number
  readonly #startedAt: number
  /** Not settled and still wanted. */
  readonly #open = new Map<number, LocalCall>()
  readonly #posts: Post[] = []
  readonly #answers: { readonly call: LocalCall; readonly answer: LocalAnswer }[] = []
  #waiting: LocalCall[] = []
  #running = 0
  #localBytes = 0
  #postBytes = 0
  #end: SliceEnd = 'ok'
  #uncaught: string | undefined
  #wake: () => void = () => {}

  /** `startedAt`: by performance.now(), when the first entry began. */
  constructor(sandbox: Enterable, holdings: Holdings, guardMs: number, startedAt: number) {
    this.#sandbox = sandbox
    this.#holdings = holdings
    this.#guardMs = guardMs
    this.#startedAt = startedAt
  }

  async finish(first: SliceResult): Promise<SliceResult> {
    this.#take(first)
    const guard = setTimeout(() => this.#stop('timeout'), this.#guardLeftMs)
    try {
      for (;;) {
        this.#start()
        if (this.#running === 0) break
        this.#settle(await this.#nextAnswer())
      }
    } finally {
      clearTimeout(guard)
    }
    const wallMs = performance.now() - this.#startedAt
    return { end: this.#end, wallMs, posts: this.#posts, ...(this.#uncaught === undefined ? {} : { uncaught: this.#uncaught }) }
  }

  get #guardLeftMs(): number {
    return Math.ceil(this.#guardMs - (performance.now() - this.#startedAt))
  }

  #start(): void {
    while (this.#running < MAX_RUNNING) {
      const call = this.#waiting.shift()
      if (call === undefined) return
      if (this.#open.get(call.number) !== call) continue
      this.#running++
      void answerLocally(call, this.#holdings).then((answer) => {
        this.#answers.push({ call, answer })
        this.#wake()
      })
    }
  }

  async #nextAnswer(): Promise<{ call: LocalCall; answer: LocalAnswer }> {
    for (;;) {
      const next = this.#answers.shift()
      if (next !== undefined) return next
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  #settle({ call, answer }: { call: LocalCall; answer: LocalAnswer }): void {
    this.#running--
    if (this.#end !== 'ok' || this.#open.get(call.number) !== call) return
    this.#close(call)
    // A guard of 0 would be none at all.
    const guardMs = this.#guardLeftMs
    if (guardMs <= 0) this.#stop('timeout')
    else this.#take(this.#sandbox.enter('settle', call.call, JSON.stringify(answer.reply), answer.body, call.number, guardMs))
  }

  /** What one entry has left: its local calls, and its messages for the worker. */
  #take({ end, posts, uncaught }: SliceResult): void {
    this.#uncaught ??= uncaught
    for (const post of posts) {
      const call = asLocalCall(post)
      if (call !== undefined) this.#accept(call)
      else if (post.kind === 'uncall' && this.#open.has(post.extra)) this.#close(this.#open.get(post.extra) as LocalCall)
      else this.#keep(post)
    }
    if (end !== 'ok') this.#stop(end)
  }

  #accept(call: LocalCall): void {
    // A number that is open already is nothing our prelude sends.
    if (this.#open.has(call.number)) return
    this.#open.set(call.number, call)
    this.#waiting.push(call)
    this.#localBytes += call.body.length + call.text.length
    if (this.#open.size > MAX_OPEN_HOST_CALLS || this.#localBytes > MAX_LOCAL_BYTES) this.#stop('flood')
  }

  #close(call: LocalCall): void {
    this.#open.delete(call.number)
    this.#localBytes -= call.body.length + call.text.length
  }

  /** One frame sends no more than one entry may. */
  #keep(post: Post): void {
    this.#posts.push(post)
    this.#postBytes += postBytes(post.text, post.body)
    if (this.#posts.length > MAX_POSTS_PER_SLICE || this.#postBytes > MAX_POST_BYTES) this.#stop('flood')
  }

  #stop(end: SliceEnd): void {
    if (this.#end !== 'ok') return
    this.#end = end
    this.#waiting = []
    this.#open.clear()
    this.#sandbox.dispose()
    if (end === 'flood') this.#posts.length = 0
  }
}
