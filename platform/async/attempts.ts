import { functionKey } from '../../runtime/contract/names.ts'
import type { Call, Invoke } from '../invocations/invoke.ts'
import type { Functions, Resolved } from '../registry/function-directory.ts'
import { assessReply, type WholeReply } from './assess-reply.ts'
import { attemptOf } from './attempt.ts'
import { decideNext } from './decide-next.ts'
import { MAX_EVENT_AGE_MS, type Stories } from './stories.ts'
import type { EventError, Story } from './story.ts'
import { wholeReply } from './whole-reply.ts'

export interface AttemptsOptions {
  readonly stories: Stories
  readonly functions: Functions
  readonly invoke: Invoke
  /** An attempt's outcome is in its story: the lane need not keep it. `fn`: `tenant/name`. */
  readonly forget: (fn: string, id: string, attempt: number) => Promise<void>
  readonly now: () => number
  /** From 0 to under 1. */
  readonly random: () => number
}

/** One that runs, or is about to. */
interface UnderWay {
  call: Call | undefined
  cancelled: boolean
}

interface Made {
  readonly attempt: number
  readonly target: Resolved
  readonly startedAt: number
  readonly cancelled: boolean
}

/** Attempts at events: each is said to the lane under its number, and what comes of it is written into the story. */
export class Attempts {
  readonly #options: AttemptsOptions
  readonly #underWay = new Map<string, UnderWay>()
  readonly #handBack = Promise.withResolvers<'hand back'>()

  constructor(options: AttemptsOptions) {
    this.#options = options
  }

  /** `tenant/id` of those under way. */
  get keys(): readonly string[] {
    return [...this.#underWay.keys()]
  }

  /** `settled`: its story says what came of it, by whomever. `hand back`: it goes on in the lane without us. */
  async make(story: Story, attempt: number): Promise<'settled' | 'hand back'> {
    const { stories, functions, invoke, now } = this.#options
    const { tenant, id, name, qualifier, trigger, depth, event } = story.event
    const target = await functions.resolve(tenant, name, qualifier)
    if (target === undefined) return await this.#end(story, 'dead', gone(story))
    const body = await stories.body(tenant, id)
    if (body === undefined) return await this.#end(story, 'failed', { code: 'event_lost', message: 'Its bytes are gone' })
    const key = `${tenant}/${id}`
    // Known before its story says "running": who cancels it from then on finds it here.
    const underWay: UnderWay = { call: undefined, cancelled: story.cancelling }
    this.#underWay.set(key, underWay)
    try {
      const begun = await stories.turn(tenant, id, { from: ['queued', 'running'], settled: attempt - 1, to: 'running' }, now())
      if (!begun) return 'settled'
      const startedAt = now()
      const leftMs = Math.max(1_000, story.since + MAX_EVENT_AGE_MS - startedAt) + target.limits.timeoutMs
      const call = invoke(target, { trigger, event, body, depth, leftMs, only: { id, attempt } })
      underWay.call = call
      if (underWay.cancelled) call.cancel()
      const reply = await Promise.race([call.answered.then((answered) => wholeReply(answered.reply)), this.#handBack.promise])
      if (reply === 'hand back') return reply
      await this.#settle(story, { attempt, target, startedAt, cancelled: underWay.cancelled }, reply)
      return 'settled'
    } finally {
      this.#underWay.delete(key)
    }
  }

  /** Ends the attempt that is under way at this event, if there is one. */
  cancel(key: string): void {
    const underWay = this.#underWay.get(key)
    if (underWay === undefined) return
    underWay.cancelled = true
    underWay.call?.cancel()
  }

  /** Lets go of all that are under way. */
  handBack(): void {
    this.#handBack.resolve('hand back')
  }

  async #settle(story: Story, { attempt, target, startedAt, cancelled }: Made, reply: WholeReply): Promise<void> {
    const { stories, forget, random } = this.#options
    const { tenant, id } = story.event
    const now = this.#options.now()
    const { verdict, result } = assessReply(reply, target, { cancelled, now })
    const next = decideNext(verdict, { ...story, cancelling: cancelled, retries: target.retries, now, random: random() })
    const settled = attemptOf(reply.last, verdict, { attempt, version: target.version, startedAt, endedAt: now })
    const change = {
      ...(settled && { attempt: settled }),
      ...(next.to === 'queued' ? { spent: next.spent, requeues: next.requeues, nextAt: next.nextAt } : { nextAt: null, ...result }),
      error: 'error' in next ? next.error : null,
    }
    const told = await stories.turn(tenant, id, { from: ['running'], settled: attempt - 1, to: next.to, ...change }, now)
    if (told && settled !== undefined) void forget(functionKey(tenant, target.name), id, attempt)
  }

  async #end({ event: { tenant, id } }: Story, to: 'dead' | 'failed', error: EventError): Promise<'settled'> {
    const { stories, now } = this.#options
    await stories.turn(tenant, id, { from: ['queued', 'running'], to, nextAt: null, error }, now())
    return 'settled'
  }
}

function gone({ event: { name, qualifier } }: Story): EventError {
  const what = qualifier === undefined ? `function ${JSON.stringify(name)}` : `version or alias ${JSON.stringify(qualifier)} of ${name}`
  return {
    code: 'function_not_found',
    message: `There is no ${what}: it was removed after this event was accepted, or onSuccess or onFailure names what never was there`,
  }
}
