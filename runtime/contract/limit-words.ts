import { type Limits, MAX_BUFFERED_BODY_BYTES, MAX_STREAMED_BODY_BYTES } from './limits.ts'
import type { Outcome } from './outcome.ts'

type Exceeded = Extract<Outcome, { kind: 'exceeded' }>

/** What a function did to be ended, and the setting that gives it more where there is one; for the answer and for its log. */
export function limitWords({ limit, allowed, phase }: Exceeded, { memoryMb, timeoutMs }: Limits): string {
  const init = phase === 'init'
  switch (limit) {
    case 'cpu':
      return init
        ? `its top-level code used more than ${allowed} ms of CPU. Do the work in the handler instead`
        : `it used more than its ${allowed} ms of CPU (memoryMb ${memoryMb}, timeoutMs ${timeoutMs}). A larger memoryMb or timeoutMs gives it more`
    case 'wall':
      if (init) return `its top-level code did not end within ${allowed} ms`
      return allowed < timeoutMs
        ? `it did not end within the ${allowed} ms that its caller's deadline left it (its own timeoutMs is ${timeoutMs})`
        : `it did not end within its timeoutMs of ${allowed}, in which the time of a streamed upload or answer counts too. A larger timeoutMs gives it longer`
    case 'memory':
      return `it outgrew its memoryMb of ${allowed}. A larger memoryMb gives it more`
    case 'output':
      return allowed > MAX_BUFFERED_BODY_BYTES
        ? `its streamed answer is larger than ${allowed} bytes, the most one can be`
        : `its answer is larger than ${allowed} bytes, the most that is held whole. Streamed, as new Response(readable), it may have ${MAX_STREAMED_BODY_BYTES}`
  }
}
