import { SafePromise } from './primordials.ts'
import { startTimer } from './timers.ts'
import { mayPost } from './wall.ts'

/** Text that goes with the bytes: more than any host call's arguments that bytes go with. */
const ARGS_CHARS = 8 * 1024

/**
 * Whether this many bytes, at most MAX_CHUNK_BYTES, may still leave in the running slice. An author who starts many requests
 * at once cannot know, so what has no room waits for a slice that has, and asks again there.
 */
export function hasRoom(bytes: number): boolean {
  return mayPost(bytes + ARGS_CHARS)
}

export function nextSlice(): Promise<void> {
  return new SafePromise<void>((resolve) => {
    startTimer(resolve, 0, false, [])
  })
}
