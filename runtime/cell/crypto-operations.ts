import { webcrypto } from 'node:crypto'
import type { KeyRecord } from '../contract/key-record.ts'
import { MAX_BUFFERED_BODY_BYTES } from '../contract/limits.ts'
import { readArguments } from './crypto-arguments.ts'
import { checkCost } from './crypto-cost.ts'
import type { Holdings } from './holdings.ts'
import type { CryptoKey } from './key-cache.ts'
import { recordKey } from './key-record.ts'
import type { LocalOperation, LocalResult } from './local-operations.ts'
import { Refusal } from './refusal.ts'

const { subtle } = webcrypto

/** Arguments of one operation, after readArguments. Of each the type is Node's to check, which it does as the standard says. */
interface Arguments {
  readonly algorithm: webcrypto.Algorithm
  readonly derived: webcrypto.HmacKeyGenParams
  readonly key: CryptoKey
  readonly wrapped: CryptoKey
  readonly data: Uint8Array<ArrayBuffer>
  readonly jwk: webcrypto.JsonWebKey
  readonly signature: Uint8Array<ArrayBuffer>
  readonly format: 'raw'
  readonly extractable: boolean
  readonly usages: webcrypto.KeyUsage[]
  readonly length: number | null
}

type Run = (args: Arguments, holdings: Holdings) => Promise<LocalResult>

/** Node's Web Crypto, operation by operation. What takes long runs on the thread pool. */
const RUN: Readonly<Record<string, Run>> = {
  digest: async ({ algorithm, data }) => bytes(await subtle.digest(algorithm, data)),
  encrypt: async ({ algorithm, key, data }) => bytes(await subtle.encrypt(algorithm, key, data)),
  decrypt: async ({ algorithm, key, data }) => bytes(await subtle.decrypt(algorithm, key, data)),
  sign: async ({ algorithm, key, data }) => bytes(await subtle.sign(algorithm, key, data)),
  verify: async ({ algorithm, key, signature, data }) => ({ value: await subtle.verify(algorithm, key, signature, data) }),
  deriveBits: async ({ algorithm, key, length }) => bytes(await subtle.deriveBits(algorithm as webcrypto.EcdhKeyDeriveParams, key, length)),

  async generateKey({ algorithm, extractable, usages }, holdings) {
    const made = (await subtle.generateKey(algorithm as webcrypto.AesKeyGenParams, extractable, usages)) as CryptoKey | webcrypto.CryptoKeyPair
    if (!('publicKey' in made)) return oneKey(holdings, made)
    const publicKey = recordKey(holdings.keys, made.publicKey)
    const privateKey = recordKey(holdings.keys, made.privateKey)
    return {
      value: { publicKey: publicKey.record, privateKey: privateKey.record } satisfies Record<string, KeyRecord>,
      body: Buffer.concat([publicKey.material, privateKey.material]),
    }
  },
  async deriveKey({ algorithm, key, derived, extractable, usages }, holdings) {
    return oneKey(holdings, await subtle.deriveKey(algorithm as webcrypto.EcdhKeyDeriveParams, key, derived, extractable, usages))
  },
  async importKey({ format, jwk, data, algorithm, extractable, usages }, holdings) {
    if (jwk !== undefined) return oneKey(holdings, await subtle.importKey('jwk', jwk, algorithm, extractable, usages))
    return oneKey(holdings, await subtle.importKey(format, data, algorithm, extractable, usages))
  },
  async exportKey({ format, key }) {
    const exported: ArrayBuffer | webcrypto.JsonWebKey = await subtle.exportKey(format, key)
    return exported instanceof ArrayBuffer ? bytes(exported) : { value: exported }
  },
  wrapKey: async ({ format, wrapped, key, algorithm }) => bytes(await subtle.wrapKey(format, wrapped, key, algorithm)),
  async unwrapKey({ format, data, key, algorithm, derived, extractable, usages }, holdings) {
    return oneKey(holdings, await subtle.unwrapKey(format, data, key, algorithm, derived, extractable, usages))
  },
}

export const CRYPTO_OPERATIONS: Readonly<Record<string, LocalOperation>> = Object.fromEntries(
  Object.entries(RUN).map(([name, run]) => [
    name,
    async (holdings: Holdings, args: Record<string, unknown>, body: Uint8Array<ArrayBuffer>) => {
      const read = readArguments(holdings.keys, args, body)
      checkCost(read)
      return await run(read as unknown as Arguments, holdings)
    },
  ]),
)

function bytes(buffer: ArrayBuffer): LocalResult {
  if (buffer.byteLength > MAX_BYTES) throw new Refusal('OperationError', `The result has ${buffer.byteLength} bytes, allowed are ${MAX_BYTES}`)
  return { body: new Uint8Array(buffer) }
}

/** A text of the largest size still fits once it is encrypted: padding and tag come on top. */
const MAX_BYTES = MAX_BUFFERED_BODY_BYTES + 1_024

function oneKey(holdings: Holdings, made: CryptoKey): LocalResult {
  const { record, material } = recordKey(holdings.keys, made)
  return { value: record, body: material }
}
