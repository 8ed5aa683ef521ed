import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import type { SecretsKey } from './secrets-key.ts'

/** Whose secret it is: sealed for one place, it opens in no other. */
export interface SecretPlace {
  readonly tenant: string
  readonly functionName: string
  /** The secret's own name. */
  readonly name: string
}

/** A sealed secret does not open. The message names the secret, never what is in it. */
export class SecretUnreadable extends Error {
  constructor({ tenant, functionName, name }: SecretPlace, reason: string) {
    super(`Cannot open the secret ${name} of ${tenant}/${functionName}: ${reason}`)
    this.name = 'SecretUnreadable'
  }
}

const ALGORITHM = 'aes-256-gcm'
/** As NIST SP 800-38D has it for GCM; random, which is safe for 2³² secrets under one key. */
const NONCE_BYTES = 12
const TAG_BYTES = 16
const HEAD = /^v1\.([0-9a-f]{16})\./

/** `v1.<id of the key>.<base64 of nonce, ciphertext and tag>`. */
export function sealSecret({ id, key }: SecretsKey, place: SecretPlace, text: string): string {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES }).setAAD(boundTo(place))
  const sealed = Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()])
  return `v1.${id}.${sealed.toString('base64')}`
}

/** @throws SecretUnreadable when it was sealed with another key or for another place, or is damaged */
export function openSecret({ id, key }: SecretsKey, place: SecretPlace, sealed: string): string {
  const [head = '', keyId] = HEAD.exec(sealed) ?? []
  const bytes = Buffer.from(sealed.slice(head.length), 'base64')
  if (keyId === undefined || bytes.length < NONCE_BYTES + TAG_BYTES) throw new SecretUnreadable(place, 'what the store has is no sealed secret')
  if (keyId !== id) {
    throw new SecretUnreadable(
      place,
      `it was sealed with the key ${keyId}, and the key here is ${id}. Go back to the former ISOLANE_SECRETS_KEY or secrets-key file, or set the secret again`,
    )
  }
  const decipher = createDecipheriv(ALGORITHM, key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
    .setAAD(boundTo(place))
    .setAuthTag(bytes.subarray(-TAG_BYTES))
  try {
    return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]).toString('utf8')
  } catch {
    throw new SecretUnreadable(place, 'what the store has is damaged, or was sealed for another function or name. Set the secret again')
  }
}

/** None of the three has a line break in it. */
function boundTo({ tenant, functionName, name }: SecretPlace): Buffer {
  return Buffer.from(`isolane secret v1\n${tenant}\n${functionName}\n${name}`)
}
