import { createPrivateKey, createPublicKey, createSecretKey, KeyObject, type webcrypto } from 'node:crypto'
import type { KeyRecord } from '../contract/key-record.ts'
import { asInteger, asObject, asString } from '../contract/parse.ts'
import type { CryptoKey, KeyCache } from './key-cache.ts'
import { Refusal } from './refusal.ts'

/** Longer moduli keep a core busy for seconds with every single signature. */
const MAX_MODULUS_BITS = 8_192

/** A secret may be any bytes; with those of MAX_KEYS (key-cache.ts) a sandbox's keys stay within 8 MiB. */
const MAX_KEY_BYTES = 64 * 1024

interface KeySpec {
  readonly type: string
  readonly extractable: boolean
  /** A KeyAlgorithm; bytes in it are lists of numbers. */
  readonly algorithm: unknown
  readonly usages: readonly string[]
}

/**
 * Remembers a key that was made, and tells what it is. Node has deprecated this use of `KeyObject.from` for keys that are
 * not extractable (DEP0204), and has no other way to what they are made of.
 */
export function recordKey(keys: KeyCache, key: CryptoKey): { record: KeyRecord; material: Uint8Array } {
  const { type, extractable, algorithm, usages } = key
  const { modulusLength } = algorithm as { modulusLength?: number }
  if (modulusLength !== undefined) checkModulus(modulusLength)
  const material = bytesOf(KeyObject.from(key))
  checkSize(material)
  const spec = JSON.stringify({ type, extractable, algorithm, usages } satisfies KeySpec, plainBytes)
  const sealed = keys.seal(material, spec)
  return { record: { handle: keys.add(key), spec, bytes: sealed.length }, material: sealed }
}

export function checkModulus(bits: number): void {
  if (bits > MAX_MODULUS_BITS) throw new Refusal('OperationError', `The modulus has ${bits} bits, allowed are ${MAX_MODULUS_BITS}`)
}

/** The key a guest names: from the cache, or made again from what it sends along. */
export function findKey(keys: KeyCache, named: Record<string, unknown>, material: Uint8Array<ArrayBuffer>): CryptoKey {
  const handle = asInteger(named.handle, 'key.handle', 1, 2 ** 53)
  const known = keys.get(handle)
  if (known !== undefined) return known
  const text = asString(named.spec, 'key.spec')
  const key = remake(asObject(JSON.parse(text), 'key.spec'), keys.open(material, text))
  keys.put(handle, key)
  return key
}

function checkSize({ length }: Uint8Array): void {
  if (length > MAX_KEY_BYTES) throw new Refusal('OperationError', `The key has ${length} bytes, allowed are ${MAX_KEY_BYTES}`)
}

function remake({ type, extractable, algorithm, usages }: Record<string, unknown>, material: Buffer): CryptoKey {
  const object = objectOf(asString(type, 'key.type'), material)
  return object.toCryptoKey(
    asObject(algorithm, 'key.algorithm') as unknown as webcrypto.Algorithm,
    extractable === true,
    usages as webcrypto.KeyUsage[],
  )
}

function objectOf(type: string, bytes: Buffer): KeyObject {
  if (type === 'secret') return createSecretKey(bytes)
  if (type === 'public') return createPublicKey({ key: bytes, format: 'der', type: 'spki' })
  return createPrivateKey({ key: bytes, format: 'der', type: 'pkcs8' })
}

function bytesOf(object: KeyObject): Uint8Array {
  if (object.type === 'secret') return object.export()
  return object.export({ format: 'der', type: object.type === 'public' ? 'spki' : 'pkcs8' })
}

function plainBytes(_name: string, value: unknown): unknown {
  return value instanceof Uint8Array ? [...value] : value
}
