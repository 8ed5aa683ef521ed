import type { GuestEntry } from './messages.ts'
import { asInteger, asNumber, asObject, asString, ContractError } from './parse.ts'

/**
 * Everything that can cross the process wall between a worker and one of its cells, on one page. Each message is the
 * head of a frame (frame.ts); what its text and body carry is said beside it.
 *
 * Frames with a number `f` are slices: one entry into one isolate, caused by that frame, for one invocation. A cell
 * answers them in order, each by any number of `post`s and exactly one `end`, and writes the number into its progress
 * file before it starts one. So the worker always knows which slice is running, also after a SIGKILL.
 */

/** Worker → cell. */
export type ToCell =
  /** Body: a version's script, and behind it V8's code cache of so many bytes. Kept until the cell ends. */
  | { readonly k: 'code'; readonly version: string; readonly cacheBytes: number }
  /** A new sandbox. Text: LoadSpec. Body: 32 random bytes. */
  | {
      readonly k: 'open'
      readonly f: number
      readonly s: number
      readonly version: string
      readonly memoryMb: number
      readonly guardMs: number
    }
  /** One slice in a sandbox. Text and body: as messages.ts says for `in`. */
  | {
      readonly k: 'enter'
      readonly f: number
      readonly s: number
      readonly in: Exclude<keyof GuestEntry, 'load'>
      readonly call: number
      readonly extra: number
      /** The body is text: the guest gets a string instead of an ArrayBuffer. */
      readonly utf8: boolean
      /** Wall time after which the isolate ends the slice by itself. */
      readonly guardMs: number
    }
  | { readonly k: 'close'; readonly s: number }

export type SliceEnd =
  /** It came back by itself. What that is worth, the worker judges by the CPU it used. */
  | 'ok'
  /** The isolate's guard ended it. The sandbox is gone. */
  | 'timeout'
  /** V8 ended it at the memory limit. The sandbox is gone. */
  | 'memory'
  /** It sent more than the wall lets through. The sandbox is gone. */
  | 'flood'
  /** There was no such sandbox any more. */
  | 'gone'

/** Cell → worker. */
export type FromCell =
  /** Loaded, dropped, waiting. */
  | { readonly k: 'ready'; readonly uid: number }
  /** One message of the guest. Text and body: as messages.ts says for `kind`. */
  | { readonly k: 'post'; readonly f: number; readonly kind: string; readonly call: number; readonly extra: number }
  | {
      readonly k: 'end'
      readonly f: number
      readonly end: SliceEnd
      readonly cpuMs: number
      readonly wallMs: number
      readonly heapMb: number
      /** A rejection nobody handled, for the function's log. */
      readonly uncaught?: string
    }

/** Largest frame either side accepts: a bundle on the way in, a reply on the way out. */
export const MAX_TO_CELL_BYTES = 16 * 1024 * 1024
export const MAX_FROM_CELL_BYTES = 2 * 1024 * 1024
/** All frames of one slice together: more than the messages that a cell lets through (cell/sandbox.ts) can come to, in UTF-8 and with their heads. */
export const MAX_SLICE_BYTES = 8 * 1024 * 1024

const SLICE_ENDS: readonly SliceEnd[] = ['ok', 'timeout', 'memory', 'flood', 'gone']

/** The worker's reading of a cell: the cell may be its tenant's by now, so nothing in a frame is believed before it is checked. */
export function parseFromCell(value: unknown): FromCell {
  const head = asObject(value, 'cell frame')
  switch (head.k) {
    case 'post':
      return {
        k: 'post',
        f: asInteger(head.f, 'f', 0, 2 ** 53),
        kind: asString(head.kind, 'kind'),
        call: asInteger(head.call, 'call', 0, 2 ** 53),
        extra: asInteger(head.extra, 'extra', 0, 2 ** 53),
      }
    case 'end': {
      const end = asString(head.end, 'end') as SliceEnd
      if (!SLICE_ENDS.includes(end)) throw new ContractError('end', end, SLICE_ENDS.join(', '))
      return {
        k: 'end',
        f: asInteger(head.f, 'f', 0, 2 ** 53),
        end,
        cpuMs: asNumber(head.cpuMs, 'cpuMs'),
        wallMs: asNumber(head.wallMs, 'wallMs'),
        heapMb: asNumber(head.heapMb, 'heapMb'),
        ...(head.uncaught === undefined ? {} : { uncaught: asString(head.uncaught, 'uncaught').slice(0, 4_096) }),
      }
    }
    case 'ready':
      return { k: 'ready', uid: asInteger(head.uid, 'uid', -1, 2 ** 32) }
    default:
      throw new ContractError('k', head.k, '"ready", "post" or "end"')
  }
}
