import { fillRandom, toHex } from './crypto-random.ts'
import { DOMException } from './dom-exception.ts'
import { bytesOf } from './encoding.ts'
import { SafeTypeError, SafeUint8Array, typedArrayByteLength, typedArrayName } from './primordials.ts'
import { QuotaExceededError } from './quota-exceeded-error.ts'
import { type SubtleCrypto, subtle } from './subtle.ts'

/** Most bytes one call may ask for, from the Web Cryptography API. */
const MAX_RANDOM_BYTES = 65_536
const INTERNAL = { __proto__: null }

export class Crypto {
  constructor(token?: unknown) {
    if (token !== INTERNAL) throw new SafeTypeError('Cannot construct Crypto: use the global crypto')
  }

  get subtle(): SubtleCrypto {
    return subtleOf(this)
  }

  getRandomValues<T>(array: T): T {
    if (!isIntegerArray(typedArrayName(array))) {
      throw new DOMException('Cannot fill with random values: the argument must be an integer typed array', 'TypeMismatchError')
    }
    const length = typedArrayByteLength(array as object)
    if (length > MAX_RANDOM_BYTES) {
      throw new QuotaExceededError(`Cannot fill with random values: ${length} bytes asked for, allowed are ${MAX_RANDOM_BYTES}`)
    }
    fillRandom(bytesOf(array as ArrayBufferView))
    return array
  }

  /** A version 4 UUID of RFC 9562. */
  randomUUID(): string {
    const bytes = new SafeUint8Array(16)
    fillRandom(bytes)
    bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40
    bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80
    return `${toHex(bytes, 0, 4)}-${toHex(bytes, 4, 6)}-${toHex(bytes, 6, 8)}-${toHex(bytes, 8, 10)}-${toHex(bytes, 10, 16)}`
  }
}

function subtleOf(self: Crypto): SubtleCrypto {
  if (self !== crypto) throw new SafeTypeError('Not a Crypto')
  return subtle
}

function isIntegerArray(name: string | undefined): boolean {
  switch (name) {
    case 'Int8Array':
    case 'Uint8Array':
    case 'Uint8ClampedArray':
    case 'Int16Array':
    case 'Uint16Array':
    case 'Int32Array':
    case 'Uint32Array':
    case 'BigInt64Array':
    case 'BigUint64Array':
      return true
    default:
      return false
  }
}

export const crypto = new Crypto(INTERNAL)
