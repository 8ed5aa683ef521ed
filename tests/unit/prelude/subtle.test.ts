import { createHash, createHmac, webcrypto } from 'node:crypto'
import { expect, test } from 'vitest'
import { Sandbox } from './sandbox.ts'

/** Runs an expression in a function that may ask the cell, and returns its value, through JSON. */
async function evaluate(body: string, event?: unknown): Promise<unknown> {
  using sandbox = new Sandbox(`const utf8 = (text) => new TextEncoder().encode(text)
    const hex = (bytes) => Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, '0')).join('')
    const error = (promise) => promise.then(() => 'none', (e) => e.name)
    export default async (event) => { ${body} }`)
  if (sandbox.loadError !== undefined) throw new Error(JSON.stringify(sandbox.loadError))
  const answer = await sandbox.ask(event)
  if (answer.kind === 'failed') throw new Error(`${answer.error.name}: ${answer.error.message}\n${answer.error.stack}`)
  return JSON.parse(answer.body)
}

test('a digest and a signature are what Node makes of the same bytes', async () => {
  expect(
    await evaluate(`
      const key = await crypto.subtle.importKey('raw', utf8('secret'), { name: 'hmac', hash: 'sha-256' }, false, ['sign'])
      return [hex(await crypto.subtle.digest('SHA-384', utf8('text'))), hex(await crypto.subtle.sign('HMAC', key, utf8('text')))]`),
  ).toEqual([createHash('sha384').update('text').digest('hex'), createHmac('sha256', 'secret').update('text').digest('hex')])
})

test('a token signed by somebody else is verified by their public key', async () => {
  const pair = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign', 'verify'])
  const text = Buffer.from('header.payload')
  const signature = Buffer.from(await webcrypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, pair.privateKey, text))
  const jwk = await webcrypto.subtle.exportKey('jwk', pair.publicKey)
  expect(
    await evaluate(
      `const key = await crypto.subtle.importKey('jwk', event.jwk, { name: 'ECDSA', namedCurve: 'P-256' }, true, ['verify'])
       const signature = new Uint8Array(event.signature)
       const verify = (text) => crypto.subtle.verify({ name: 'ECDSA', hash: { name: 'SHA-256' } }, key, signature, utf8(text))
       return [await verify('header.payload'), await verify('header.changed')]`,
      { jwk, signature: [...signature] },
    ),
  ).toEqual([true, false])
})

test('a key that may not be exported is not, and shows nothing of itself', async () => {
  expect(
    await evaluate(`
      const key = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt'])
      return [await error(crypto.subtle.exportKey('raw', key)), Reflect.ownKeys(key), key.type, key.extractable, key.algorithm, key.usages, key.usages === key.usages, String(key)]`),
  ).toEqual(['InvalidAccessError', [], 'secret', false, { name: 'AES-GCM', length: 256 }, ['encrypt', 'decrypt'], true, '[object CryptoKey]'])
})

test('a key outlives the cell’s memory of it', async () => {
  expect(
    await evaluate(`
      const rsa = await crypto.subtle.generateKey({ name: 'RSA-PSS', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' }, false, ['sign', 'verify'])
      const aes = await crypto.subtle.generateKey({ name: 'AES-CBC', length: 128 }, false, ['encrypt', 'decrypt'])
      // Pushes both out of the cell's cache.
      for (let i = 0; i < 300; i++) await crypto.subtle.importKey('raw', new Uint8Array(16), 'AES-CBC', false, ['encrypt'])
      const signature = await crypto.subtle.sign({ name: 'RSA-PSS', saltLength: 32 }, rsa.privateKey, utf8('x'))
      const iv = new Uint8Array(16)
      const back = await crypto.subtle.decrypt({ name: 'AES-CBC', iv }, aes, await crypto.subtle.encrypt({ name: 'AES-CBC', iv }, aes, utf8('y')))
      return [await crypto.subtle.verify({ name: 'RSA-PSS', saltLength: 32 }, rsa.publicKey, signature, utf8('x')), new TextDecoder().decode(back), await error(crypto.subtle.exportKey('pkcs8', rsa.privateKey))]`),
  ).toEqual([true, 'y', 'InvalidAccessError'])
})

test('a cloned key is a key', async () => {
  expect(
    await evaluate(`
      const key = structuredClone(await crypto.subtle.importKey('raw', new Uint8Array(16), 'AES-CTR', true, ['encrypt']))
      return [key instanceof CryptoKey, hex(await crypto.subtle.exportKey('raw', key))]`),
  ).toEqual([true, '00'.repeat(16)])
})

test('bytes are taken as they are when the call is made', async () => {
  expect(
    await evaluate(`
      const data = utf8('text')
      const digest = crypto.subtle.digest('SHA-1', data)
      data.fill(0)
      return hex(await digest)`),
  ).toBe(createHash('sha1').update('text').digest('hex'))
})

test('a key wrapped as JWK, which may not be exported, is unwrapped as it was', async () => {
  expect(
    await evaluate(`
      const wrapper = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['wrapKey', 'unwrapKey'])
      const key = await crypto.subtle.importKey('raw', new Uint8Array(32), { name: 'HMAC', hash: 'SHA-256' }, true, ['sign'])
      const how = { name: 'AES-GCM', iv: new Uint8Array(12) }
      const wrapped = await crypto.subtle.wrapKey('jwk', key, wrapper, how)
      const unwrapped = await crypto.subtle.unwrapKey('jwk', wrapped, wrapper, how, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
      return [unwrapped.extractable, hex(await crypto.subtle.sign('HMAC', unwrapped, utf8('x'))) === hex(await crypto.subtle.sign('HMAC', key, utf8('x')))]`),
  ).toEqual([false, true])
})

test('two sides agree on a key, and stretch it', async () => {
  expect(
    await evaluate(`
      const [a, b] = await Promise.all([1, 2].map(() => crypto.subtle.generateKey('X25519', false, ['deriveKey', 'deriveBits'])))
      const shared = (mine, theirs) => crypto.subtle.deriveKey({ name: 'X25519', public: theirs.publicKey }, mine.privateKey, 'HKDF', false, ['deriveKey'])
      const stretch = async (key) => crypto.subtle.deriveKey({ name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(0), info: utf8('i') }, key, { name: 'AES-KW', length: 256 }, true, ['wrapKey'])
      const keys = await Promise.all([shared(a, b), shared(b, a)].map(async (key) => hex(await crypto.subtle.exportKey('raw', await stretch(await key)))))
      return [keys[0] === keys[1], keys[0].length]`),
  ).toEqual([true, 64])
})

test('each mistake is the error that the standard names', async () => {
  expect(
    await evaluate(`
      const key = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 128 }, true, ['encrypt'])
      const gcm = { name: 'AES-GCM', iv: new Uint8Array(12) }
      const { digest } = crypto.subtle
      return Promise.all([
        crypto.subtle.digest('MD5', new Uint8Array(1)), crypto.subtle.digest('SHA-1', 'text'), crypto.subtle.digest({}, new Uint8Array(1)), crypto.subtle.digest(),
        crypto.subtle.encrypt({ name: 'AES-GCM' }, key, new Uint8Array(1)), crypto.subtle.encrypt(gcm, {}, new Uint8Array(1)), crypto.subtle.decrypt(gcm, key, new Uint8Array(20)),
        crypto.subtle.encrypt({ ...gcm, tagLength: 300 }, key, new Uint8Array(1)), crypto.subtle.encrypt({ ...gcm, tagLength: 17 }, key, new Uint8Array(1)),
        crypto.subtle.generateKey({ name: 'AES-GCM', length: 100 }, true, ['encrypt']), crypto.subtle.generateKey({ name: 'AES-GCM', length: 128 }, true, []),
        crypto.subtle.generateKey({ name: 'AES-GCM', length: 128 }, true, ['fly']), crypto.subtle.importKey('raw', new Uint8Array(5), 'AES-GCM', true, ['encrypt']),
        crypto.subtle.importKey('jwk', new Uint8Array(16), 'AES-GCM', true, ['encrypt']), crypto.subtle.importKey('nut', new Uint8Array(16), 'AES-GCM', true, ['encrypt']),
        digest.call({}, 'SHA-1', new Uint8Array(1)),
      ].map(error))`),
  ).toEqual([
    ...['NotSupportedError', 'TypeError', 'TypeError', 'TypeError', 'TypeError', 'TypeError', 'InvalidAccessError'],
    ...['TypeError', 'OperationError', 'OperationError', 'SyntaxError', 'TypeError', 'DataError', 'TypeError', 'TypeError', 'TypeError'],
  ])
})

test('nobody can make these by hand', async () => {
  expect(
    await evaluate(`const made = [SubtleCrypto, CryptoKey, Crypto].map((type) => { try { return typeof new type() } catch (e) { return e.name } })
      let subtle; try { subtle = Object.getOwnPropertyDescriptor(Crypto.prototype, 'subtle').get.call({}) } catch (e) { subtle = e.name }
      return [...made, subtle, crypto.subtle === crypto.subtle, crypto.subtle instanceof SubtleCrypto]`),
  ).toEqual(['TypeError', 'TypeError', 'TypeError', 'TypeError', true, true])
})

test('a function that has replaced the language’s methods breaks no call and sees no key', async () => {
  expect(
    await evaluate(`
      const seen = []
      const spy = (of, name) => { const was = of[name]; of[name] = function (...args) { seen.push(this, ...args); return was.apply(this, args) } }
      Object.prototype.toJSON = function () { seen.push('toJSON', this); return 'x' }
      String.prototype.toJSON = Object.prototype.toJSON
      spy(JSON, 'stringify'); spy(JSON, 'parse'); spy(Map.prototype, 'set'); spy(Map.prototype, 'get'); spy(Uint8Array.prototype, 'set'); spy(Promise.prototype, 'then')
      Object.defineProperty(Array.prototype, '0', { set(value) { seen.push(value) }, configurable: true })
      const key = await crypto.subtle.importKey('raw', new Uint8Array(16).fill(7), 'AES-CBC', false, ['encrypt'])
      const text = hex(await crypto.subtle.encrypt({ name: 'AES-CBC', iv: new Uint8Array(16) }, key, utf8('x')))
      delete Object.prototype.toJSON; delete String.prototype.toJSON; delete Array.prototype[0]
      return [text.length, seen.filter((value) => value instanceof Uint8Array || value instanceof ArrayBuffer).length]`),
  ).toEqual([32, 0])
})

test('more random values than one call may ask for are a QuotaExceededError that says how many those are', async () => {
  expect(
    await evaluate(`
      const made = new QuotaExceededError('full', { quota: 10, requested: 12 })
      try { crypto.getRandomValues(new Uint8Array(65537)) } catch (e) {
        return [e instanceof QuotaExceededError, e instanceof DOMException, e.name, e.code, e.quota, e.requested, made.quota, made.requested, made.message]
      }`),
  ).toEqual([true, true, 'QuotaExceededError', 22, null, null, 10, 12, 'full'])
})
