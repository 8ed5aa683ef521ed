import { define, promiseThen, SafePromise, SafeTypeError } from './primordials.ts'
import { reportError } from './report-error.ts'

const done = new SafePromise<void>((resolve) => resolve())
define(done, 'constructor', undefined)

export function queueMicrotask(callback: unknown): void {
  if (typeof callback !== 'function') throw new SafeTypeError('Cannot queue a microtask: the callback must be a function')
  const run = () => {
    try {
      callback()
    } catch (error) {
      reportError(error)
    }
  }
  promiseThen(done, run, run)
}
