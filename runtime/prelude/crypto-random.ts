import { chacha20Block } from './chacha20.ts'
import { DOMException } from './dom-exception.ts'
import { arrayBufferByteLength, numberToString, SafeRangeError, SafeUint8Array, typedArrayByteLength, typedArrayFill } from './primordials.ts'

const SEED_BYTES = 32
/** "expand 32-byte k" */
const CONSTANTS = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574] as const
const KEY_AT = 4
const COUNTER_AT = 12
const POOL_BLOCKS = 16

const state = new Uint32Array(16)
const block = new Uint32Array(16)
const pool = new SafeUint8Array(POOL_BLOCKS * 64)
let poolLeft = 0
let seeded = false

/** Takes the sandbox's 32 bytes of randomness, and wipes them where they came from. */
export function seedRandom(seed: ArrayBuffer): void {
  if (arrayBufferByteLength(seed) !== SEED_BYTES)
    throw new SafeRangeError(`Cannot seed: wanted ${SEED_BYTES} bytes, got ${arrayBufferByteLength(seed)}`)
  const bytes = new SafeUint8Array(seed)
  for (let at = 0; at < 4; at++) state[at] = CONSTANTS[at] as number
  takeKey(bytes)
  typedArrayFill(bytes, 0)
  poolLeft = 0
  seeded = true
}

function takeKey(bytes: Uint8Array): void {
  for (let word = 0; word < 8; word++) {
    const at = word * 4
    state[KEY_AT + word] =
      (bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24)
  }
  for (let at = COUNTER_AT; at < 16; at++) state[at] = 0
}

/** Fast key erasure: each refill replaces the key, so that what was handed out cannot be computed again from what is held. */
function refill(): void {
  if (!seeded) throw new DOMException('Cannot make random values yet: they are there once the function is loaded', 'InvalidStateError')
  for (let number = 0; number < POOL_BLOCKS; number++) {
    chacha20Block(state, block)
    state[COUNTER_AT] = (state[COUNTER_AT] as number) + 1
    for (let at = 0; at < 64; at++) pool[number * 64 + at] = (block[at >> 2] as number) >>> ((at & 3) * 8)
  }
  takeKey(pool)
  for (let at = 0; at < SEED_BYTES; at++) pool[at] = 0
  typedArrayFill(block, 0)
  poolLeft = POOL_BLOCKS * 64 - SEED_BYTES
}

export function fillRandom(target: Uint8Array): void {
  const length = typedArrayByteLength(target)
  for (let at = 0; at < length; at++) {
    if (poolLeft === 0) refill()
    const from = POOL_BLOCKS * 64 - poolLeft--
    target[at] = pool[from] as number
    pool[from] = 0
  }
}

/** Hexadecimal digits of so many random bytes. */
export function randomHex(bytes: number): string {
  const random = new SafeUint8Array(bytes)
  fillRandom(random)
  return toHex(random, 0, bytes)
}

export function toHex(bytes: Uint8Array, from: number, to: number): string {
  let hex = ''
  for (let at = from; at < to; at++) hex += HEX[bytes[at] as number]
  return hex
}

const HEX: string[] = []
for (let byte = 0; byte < 256; byte++) HEX[byte] = (byte < 16 ? '0' : '') + numberToString(byte, 16)
