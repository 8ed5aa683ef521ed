import { mapGet, SafeMap, stringToUpperCase } from './primordials.ts'

/** How a member of an algorithm dictionary is converted. Integers: 8, 16 and 32 bits. */
export type MemberKind = 'octet' | 'short' | 'long' | 'bytes' | 'big integer' | 'hash' | 'text' | 'key'

export interface Member {
  readonly name: string
  readonly kind: MemberKind
  readonly required: boolean
}

export interface KnownAlgorithm {
  /** As the standard spells it. */
  readonly name: string
  /** In the order in which they are read. */
  readonly members: readonly Member[]
}

export type Operation =
  | 'digest'
  | 'encrypt'
  | 'decrypt'
  | 'sign'
  | 'verify'
  | 'generateKey'
  | 'deriveBits'
  | 'importKey'
  | 'wrapKey'
  | 'unwrapKey'
  | 'get key length'

const algorithms = new SafeMap<string, KnownAlgorithm>()

/** Whether an operation knows an algorithm of this name, in whatever case it is written. */
export function findAlgorithm(operation: Operation, name: string): KnownAlgorithm | undefined {
  return mapGet(algorithms, `${operation} ${stringToUpperCase(name)}`)
}

/** Dictionaries, each member as `name kind`, with `!` for those that must be there. */
const AEAD = ['additionalData bytes', 'iv! bytes', 'tagLength octet']
const AES_CTR = ['counter! bytes', 'length! octet']
const AES_CBC = ['iv! bytes']
const AES_LENGTH = ['length! short']
const CONTEXT = ['context bytes']
const CSHAKE = ['customization bytes', 'functionName bytes', 'outputLength! long']
const CUSTOMIZED = ['customization bytes', 'outputLength! long']
const CURVE = ['namedCurve! text']
const HASH = ['hash! hash']
const HASH_LENGTH = ['hash! hash', 'length long']
const HKDF = ['hash! hash', 'info! bytes', 'salt! bytes']
const LENGTH = ['length long']
const PBKDF2 = ['hash! hash', 'iterations! long', 'salt! bytes']
const ARGON2 = [
  ...['associatedData bytes', 'memory! long', 'nonce! bytes', 'parallelism! long', 'passes! long', 'secretValue bytes', 'version octet'],
]
const PEER = ['public! key']
const RSA_KEYS = ['modulusLength! long', 'publicExponent! big integer', 'hash! hash']
const TURBOSHAKE = ['domainSeparation octet', 'outputLength! long']

function register(operations: readonly Operation[], names: readonly string[], dictionary: readonly string[] = []): void {
  const members = dictionary.map((text): Member => {
    const at = text.indexOf(' ')
    const name = text.slice(0, at)
    return { name: name.replace('!', ''), kind: text.slice(at + 1) as MemberKind, required: name.endsWith('!') }
  })
  for (const name of names) for (const operation of operations) algorithms.set(`${operation} ${name.toUpperCase()}`, { name, members })
}

const AES_MODES = ['AES-CBC', 'AES-CTR', 'AES-GCM', 'AES-KW', 'AES-OCB']
const RSA_KINDS = ['RSASSA-PKCS1-v1_5', 'RSA-PSS', 'RSA-OAEP']
const ED_CURVES = ['Ed25519', 'Ed448']
const X_CURVES = ['X25519', 'X448']
const ML_DSA = ['ML-DSA-44', 'ML-DSA-65', 'ML-DSA-87']
const KMAC = ['KMAC128', 'KMAC256']
const ARGON2_KINDS = ['Argon2d', 'Argon2i', 'Argon2id']
const CRYPT = ['encrypt', 'decrypt'] as const
const SIGN = ['sign', 'verify'] as const

register(['digest'], ['SHA-1', 'SHA-256', 'SHA-384', 'SHA-512', 'SHA3-256', 'SHA3-384', 'SHA3-512'])
register(['digest'], ['cSHAKE128', 'cSHAKE256'], CSHAKE)
register(['digest'], ['TurboSHAKE128', 'TurboSHAKE256'], TURBOSHAKE)
register(['digest'], ['KT128', 'KT256'], CUSTOMIZED)

register(CRYPT, ['AES-CTR'], AES_CTR)
register(CRYPT, ['AES-CBC'], AES_CBC)
register(CRYPT, ['AES-GCM', 'AES-OCB', 'ChaCha20-Poly1305'], AEAD)
register(CRYPT, ['RSA-OAEP'], ['label bytes'])
register(['wrapKey', 'unwrapKey'], ['AES-KW'])

register(SIGN, ['HMAC', 'RSASSA-PKCS1-v1_5', 'Ed25519'])
register(SIGN, ['RSA-PSS'], ['saltLength! long'])
register(SIGN, ['ECDSA'], HASH)
register(SIGN, ['Ed448', ...ML_DSA], CONTEXT)
register(SIGN, KMAC, CUSTOMIZED)

register(['deriveBits'], ['ECDH', ...X_CURVES], PEER)
register(['deriveBits'], ['HKDF'], HKDF)
register(['deriveBits'], ['PBKDF2'], PBKDF2)
register(['deriveBits'], ARGON2_KINDS, ARGON2)

register(['generateKey'], RSA_KINDS, RSA_KEYS)
register(['generateKey', 'importKey'], ['ECDSA', 'ECDH'], CURVE)
register(['generateKey', 'get key length'], AES_MODES, AES_LENGTH)
register(['generateKey', 'importKey', 'get key length'], ['HMAC'], HASH_LENGTH)
register(['generateKey', 'importKey', 'get key length'], KMAC, LENGTH)
register(['generateKey', 'importKey'], [...ED_CURVES, ...X_CURVES, ...ML_DSA, 'ChaCha20-Poly1305'])
register(['importKey'], RSA_KINDS, HASH)
register(['importKey'], AES_MODES)
register(['importKey', 'get key length'], ['HKDF', 'PBKDF2', ...ARGON2_KINDS])
register(['get key length'], ['ChaCha20-Poly1305'])
