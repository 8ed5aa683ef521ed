import { MAX_LOG_BYTES_PER_CALL, MAX_LOG_LINE_CHARS } from '../contract/messages.ts'
import { currentCall } from './call.ts'
import { withoutOwnFrames } from './own-frames.ts'
import { cut, utf8Length } from './text.ts'
import { mayPost, post } from './wall.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

const DROPPED = `warn further log lines of this invocation were dropped: the limit is ${MAX_LOG_BYTES_PER_CALL} bytes`

/** One line of the running invocation's log. Never throws: beyond the limits lines are dropped, which is said once. */
export function log(level: LogLevel, message: string): void {
  const call = currentCall()
  if (call.logClosed) return
  const line = `${level} ${cut(withoutOwnFrames(message), MAX_LOG_LINE_CHARS)}`
  call.logBytes += utf8Length(line) + 1
  if (call.logBytes <= MAX_LOG_BYTES_PER_CALL && mayPost(line.length)) {
    post('log', call.number, line)
    return
  }
  call.logClosed = true
  if (mayPost(DROPPED.length)) post('log', call.number, DROPPED)
}
