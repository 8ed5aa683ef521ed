import { createCipheriv, createDecipheriv, randomBytes, type webcrypto } from 'node:crypto'
import { Refusal } from './refusal.ts'

export type CryptoKey = webcrypto.CryptoKey

/** Enough for what a function signs and verifies with; the rest is made again from what the guest holds. */
const MAX_KEYS = 128

const SEAL = 'aes-256-gcm'
const NONCE_BYTES = 12
const TAG_BYTES = 16

/**
 * Keys of one sandbox by their handles, least recently used first.
 *
 * Only a cache: a guest tells nobody when it drops a key, so what must not be lost is kept where its garbage collector
 * reaches it. The guest's CryptoKey holds the key's bytes and sends them along, sealed: what they are, and what the key may be
 * used for, only this process can read or change.
 */
export class KeyCache {
  readonly #keys = new Map<number, CryptoKey>()
  /** Of this sandbox alone, and gone with it. */
  readonly #secret = randomBytes(32)
  #lastHandle = 0

  /** `spec`: bound to the bytes, so that neither goes with another. */
  seal(material: Uint8Array, spec: string): Buffer {
    const nonce = randomBytes(NONCE_BYTES)
    const cipher = createCipheriv(SEAL, this.#secret, nonce).setAAD(Buffer.from(spec))
    return Buffer.concat([nonce, cipher.update(material), cipher.final(), cipher.getAuthTag()])
  }

  /** @throws Refusal when this sandbox has not sealed these bytes for this spec */
  open(sealed: Uint8Array, spec: string): Buffer {
    const nonce = sealed.subarray(0, NONCE_BYTES)
    const tag = sealed.subarray(-TAG_BYTES)
    try {
      const decipher = createDecipheriv(SEAL, this.#secret, nonce).setAAD(Buffer.from(spec)).setAuthTag(tag)
      return Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()])
    } catch {
      throw new Refusal('InvalidAccessError', 'The key is not one of this sandbox')
    }
  }

  add(key: CryptoKey): number {
    const handle = ++this.#lastHandle
    this.put(handle, key)
    return handle
  }

  get(handle: number): CryptoKey | undefined {
    const key = this.#keys.get(handle)
    if (key === undefined) return undefined
    this.#keys.delete(handle)
    this.#keys.set(handle, key)
    return key
  }

  put(handle: number, key: CryptoKey): void {
    this.#keys.set(handle, key)
    if (this.#keys.size <= MAX_KEYS) return
    for (const oldest of this.#keys.keys()) {
      this.#keys.delete(oldest)
      return
    }
  }

  clear(): void {
    this.#keys.clear()
  }
}
