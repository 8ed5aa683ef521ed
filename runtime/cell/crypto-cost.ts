import { MAX_BUFFERED_BODY_BYTES } from '../contract/limits.ts'
import { checkModulus } from './key-record.ts'
import { Refusal } from './refusal.ts'

const MAX_ITERATIONS = 10_000_000
/** Of Argon2, in KiB: it is the cell's memory and none of the isolate's. */
const MAX_ARGON2_MEMORY_KIB = 64 * 1024

/**
 * Refuses what one call could ask for without sending much: it would keep the cell busy, or fill its memory, until the
 * kill clock ends every sandbox in it. Checked before Node is asked.
 */
export function checkCost(args: Record<string, unknown>): void {
  checkDictionary(args.algorithm)
  checkDictionary(args.derived)
  atMost(args.length, MAX_BUFFERED_BODY_BYTES * 8, 'length')
}

function checkDictionary(dictionary: unknown): void {
  if (typeof dictionary !== 'object' || dictionary === null) return
  const { modulusLength, iterations, memory, length, outputLength } = dictionary as Record<string, unknown>
  if (typeof modulusLength === 'number') checkModulus(modulusLength)
  atMost(iterations, MAX_ITERATIONS, 'iterations')
  atMost(memory, MAX_ARGON2_MEMORY_KIB, 'memory')
  atMost(length, MAX_BUFFERED_BODY_BYTES * 8, 'length')
  atMost(outputLength, MAX_BUFFERED_BODY_BYTES * 8, 'outputLength')
}

function atMost(value: unknown, max: number, name: string): void {
  if (typeof value === 'number' && value > max) throw new Refusal('OperationError', `${name} is ${value}, allowed are at most ${max}`)
}
