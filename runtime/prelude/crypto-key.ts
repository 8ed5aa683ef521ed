import type { KeyRecord } from '../contract/key-record.ts'
import { arrayIsArray, jsonParse, objectHasOwn, SafeTypeError, SafeUint8Array } from './primordials.ts'

/** A key as its sandbox holds it, sealed. Never handed to user code: not even a key that may be exported is read here. */
export interface KeyState extends Pick<KeyRecord, 'handle' | 'spec'> {
  readonly material: Uint8Array
}

interface KeySpec {
  readonly type: string
  readonly extractable: boolean
  readonly algorithm: { publicExponent?: unknown }
  readonly usages: readonly string[]
}

const INTERNAL = { __proto__: null }

export let createCryptoKey: (state: KeyState) => CryptoKey
/** `undefined` when it is not a key of ours. */
export let keyState: (value: unknown) => KeyState | undefined

export class CryptoKey {
  readonly #state: KeyState
  readonly #spec: KeySpec

  constructor(token?: unknown, state?: KeyState) {
    if (token !== INTERNAL) throw new SafeTypeError('Cannot construct a CryptoKey: use crypto.subtle')
    this.#state = state as KeyState
    this.#spec = jsonParse(this.#state.spec) as KeySpec
    const { algorithm } = this.#spec
    if (objectHasOwn(algorithm, 'publicExponent') && arrayIsArray(algorithm.publicExponent)) {
      algorithm.publicExponent = new SafeUint8Array(algorithm.publicExponent)
    }
  }

  get type(): string {
    return this.#spec.type
  }
  get extractable(): boolean {
    return this.#spec.extractable
  }
  get algorithm(): object {
    return this.#spec.algorithm
  }
  get usages(): readonly string[] {
    return this.#spec.usages
  }

  static {
    createCryptoKey = (state) => new CryptoKey(INTERNAL, state)
    keyState = (value) => (typeof value === 'object' && value !== null && #state in value ? value.#state : undefined)
  }
}
