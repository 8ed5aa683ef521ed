import { decodeFrame } from '../contract/frame.ts'
import { type Outcome, parseOutcome } from '../contract/outcome.ts'
import { parseReplyFrameHead, type ReplyFrameHead } from '../contract/reply.ts'

/** What comes back for a submission. Never a rejection: how it ended is a value. */
export type LaneReply =
  /** A worker answered; text is the isolate's ReplyHead, body the reply's bytes. `replayOf`: id of the invocation whose answer this is, where it is another. */
  | { readonly kind: 'answered'; readonly head: ReplyFrameHead; readonly text: Buffer; readonly body: Buffer; readonly replayOf?: string }
  /** The lane answered for it: accepted, on record, but nobody ran it to its end. */
  | { readonly kind: 'verdict'; readonly outcome: Outcome; readonly replayOf?: string }
  /** Never accepted, no record. */
  | Refusal

export interface Refusal {
  readonly kind: 'refused'
  /**
   * `full`: a queue is. `late`: its wait would outlast its deadline. `off`: the function is. `unreachable`: the lane is.
   * `key_reused`: its idempotency key stands for another request. `answer_not_kept`: it has run under that key, and its answer
   * was too large to keep. `moved`: its tenant belongs to another lane now.
   */
  readonly reason: 'full' | 'late' | 'off' | 'unreachable' | 'key_reused' | 'answer_not_kept' | 'moved'
  /** Of `full`: whose queue. */
  readonly scope?: 'function' | 'lane'
  /** Of `full` and `late`: when what is before it now will be done, and it is worth trying again. */
  readonly retryAfterMs?: number
  /** Of `answer_not_kept`: the invocation that ran. */
  readonly id?: string
  /** Of `moved`: where its tenant is now. */
  readonly lane?: string
}

/** What the lane says to a submission (scripts/submit.lua). */
export type SubmitAnswer = number | [code: number, ...details: string[]]

const STALE_SETTINGS = 3
const AGAIN = 12
/** Placed, queued, here already, joined, answered from what is kept: a reply comes. */
const ACCEPTED: ReadonlySet<number> = new Set([0, 1, 2, 10, 11])

/** `stale`: the lane wants newer settings first. `again`: there was too much beside it for one call. */
export function readSubmitAnswer(answer: SubmitAnswer | undefined): 'accepted' | 'stale' | 'again' | Refusal {
  const [code = -1, ...details] = Array.isArray(answer) ? answer : [answer]
  if (ACCEPTED.has(code)) return 'accepted'
  switch (code) {
    case STALE_SETTINGS:
      return 'stale'
    case AGAIN:
      return 'again'
    case 4:
      return { kind: 'refused', reason: 'full', scope: details[0] === 'function' ? 'function' : 'lane', retryAfterMs: Number(details[1]) }
    case 5:
      return { kind: 'refused', reason: 'off' }
    case 6:
      return { kind: 'refused', reason: 'late', retryAfterMs: Number(details[0]) }
    case 7:
      return { kind: 'refused', reason: 'moved', lane: details[0] as string }
    case 8:
      return { kind: 'refused', reason: 'key_reused' }
    case 9:
      return { kind: 'refused', reason: 'answer_not_kept', id: details[0] as string }
    default:
      throw new RangeError(`Cannot read the lane's answer to submit: ${code}`)
  }
}

const ID_CHARS = 36

/** Somebody else's answer: of which kind, whose, and what he got (scripts/answers.lua). */
export function readReplay(value: Buffer): LaneReply {
  const kind = value.toString('latin1', 0, 1)
  const replayOf = value.toString('latin1', 1, 1 + ID_CHARS)
  const answer = value.subarray(1 + ID_CHARS)
  if (kind === 'v') return { kind: 'verdict', outcome: parseOutcome(JSON.parse(answer.toString('utf8'))), replayOf }
  return { ...(readAnswer(answer) as LaneReply & { kind: 'answered' }), replayOf }
}

export function readAnswer(value: Buffer): LaneReply {
  const { head, text, body } = decodeFrame(value)
  return { kind: 'answered', head: parseReplyFrameHead(head), text, body }
}
