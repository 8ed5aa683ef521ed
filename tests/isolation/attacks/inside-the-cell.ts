import { type Attack, asynchronous, CPU, MEMORY, OUTPUT, ROOMY, returned, reveal, threw, WALL } from './attack.ts'

const tries = (idea: string, source: string, may: readonly string[], more: Partial<Attack> = {}): Attack => ({
  idea,
  source,
  may,
  radius: 'sandbox',
  ...more,
})
/** What works on the cell's other thread can only be ended with the cell. */
const burns = (idea: string, source: string, may: readonly string[], more: Partial<Attack> = {}): Attack =>
  tries(idea, source, may, { radius: 'cell', settings: ROOMY, ...more })
const squeeze = (format: string, bytes: string): string =>
  `const squeezed = await new Response(new Blob([${bytes}]).stream().pipeThrough(new CompressionStream("${format}"))).bytes(); `

/** In two parts, or whatever reads this file takes the map for its own. */
const MAP_HERE =
  ['//# source', 'MappingURL=data:application/json;base64,'].join('') +
  Buffer.from('{"version":3,"sources":["a.js"],"names":[],"mappings":"AAAA"}').toString('base64')

/** Crypto and compression: Node's own, in the cell's process, on bytes of a stranger's. */
export const insideTheCell: readonly Attack[] = [
  tries(
    'works with an RSA key whose numbers are 0, 1 and even',
    asynchronous(
      `const said = []
       for (const [n, e] of [["AA", "AA"], ["AQ", "AQ"], ["AA", "AQAB"], ["_______________________________________________-", "AQAB"], ["AQAB", "_____w"]])
         for (const [name, use] of [["RSA-PSS", "verify"], ["RSASSA-PKCS1-v1_5", "verify"], ["RSA-OAEP", "encrypt"]])
           try {
             const key = await crypto.subtle.importKey("jwk", { kty: "RSA", n, e }, { name, hash: "SHA-256" }, true, [use])
             const algorithm = name === "RSA-PSS" ? { name, saltLength: 32 } : { name }
             said.push(use === "verify" ? await crypto.subtle.verify(algorithm, key, new Uint8Array(256), new Uint8Array(9)) : await crypto.subtle.encrypt(algorithm, key, new Uint8Array(1)).then(() => "encrypted"))
           } catch (error) { said.push(error.name) }
       return said.includes(true) ? "verified" : said.length`,
    ),
    [returned(15)],
    { settings: ROOMY },
  ),
  burns(
    'derives a key in ten million rounds, again and again',
    asynchronous(
      'const key = await crypto.subtle.importKey("raw", new Uint8Array(8), "PBKDF2", false, ["deriveBits"]); for (;;) await crypto.subtle.deriveBits({ name: "PBKDF2", hash: "SHA-512", salt: new Uint8Array(8), iterations: 1e7 }, key, 512)',
    ),
    [CPU],
  ),
  tries(
    'asks for more rounds, bits and bytes than any',
    reveal(
      'await crypto.subtle.generateKey({ name: "RSA-PSS", modulusLength: 65536, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" }, false, ["sign"])',
      'await crypto.subtle.generateKey({ name: "HMAC", hash: "SHA-256", length: 2 ** 31 }, true, ["sign"])',
      'await (async () => { const key = await crypto.subtle.importKey("raw", new Uint8Array(8), "PBKDF2", false, ["deriveBits"]); await crypto.subtle.deriveBits({ name: "PBKDF2", hash: "SHA-1", salt: new Uint8Array(8), iterations: 2 ** 31 - 1 }, key, 8) })()',
      'await (async () => { const key = await crypto.subtle.importKey("raw", new Uint8Array(8), "HKDF", false, ["deriveBits"]); await crypto.subtle.deriveBits({ name: "HKDF", hash: "SHA-1", salt: new Uint8Array(8), info: new Uint8Array(8) }, key, 2 ** 31) })()',
    ),
    [returned(['OperationError', 'OperationError', 'OperationError', 'OperationError'])],
    { settings: ROOMY },
  ),
  burns(
    'makes RSA keys with an exponent that has none',
    asynchronous(
      'return await crypto.subtle.generateKey({ name: "RSA-PSS", modulusLength: 2048, publicExponent: new Uint8Array([0, 0, 0, 2]), hash: "SHA-256" }, false, ["sign"]).then(() => "made", (e) => e.name)',
    ),
    [returned('OperationError'), CPU],
  ),
  burns(
    'digests a megabyte two hundred times at once',
    asynchronous(
      'const bytes = new Uint8Array(3e4); await Promise.all(Array.from({ length: 200 }, () => crypto.subtle.digest("SHA-512", bytes))); return "done"',
    ),
    [returned('done'), OUTPUT, CPU, threw('RangeError')],
  ),
  tries(
    'forges a key out of its neighbour’s',
    asynchronous(
      `const key = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt"])
       for (const name of Reflect.ownKeys(key)) try { key[name] = true } catch {}
       try { Object.defineProperty(key, "extractable", { value: true }) } catch {}
       try { Object.setPrototypeOf(key, { extractable: true, usages: ["encrypt", "decrypt"] }) } catch {}
       return await crypto.subtle.exportKey("raw", key).then(() => "exported", (e) => e.name)`,
    ),
    [returned('InvalidAccessError')],
  ),
  tries(
    'imports keys that are none',
    reveal(
      'await crypto.subtle.importKey("jwk", { kty: "RSA", n: "AA", e: "AA" }, { name: "RSA-PSS", hash: "SHA-256" }, true, ["verify"])',
      'await crypto.subtle.importKey("jwk", { kty: "EC", crv: "P-256", x: "AA", y: "AA" }, { name: "ECDSA", namedCurve: "P-256" }, true, ["verify"])',
      'await crypto.subtle.importKey("spki", new Uint8Array(1000), { name: "ECDSA", namedCurve: "P-256" }, true, ["verify"])',
      'await crypto.subtle.importKey("pkcs8", new Uint8Array(0), { name: "Ed25519" }, true, ["sign"])',
      'await crypto.subtle.importKey("raw", new Uint8Array(65537), { name: "HMAC", hash: "SHA-1" }, true, ["sign"])',
    ),
    [returned([{}, 'DataError', 'DataError', 'DataError', 'OperationError'])],
  ),
  burns(
    'unpacks a bomb of zeros',
    asynchronous(
      `${squeeze('gzip', 'new Uint8Array(2e7)')}return (await new Response(new Blob([squeezed]).stream().pipeThrough(new DecompressionStream("gzip"))).bytes()).length`,
    ),
    [returned(2e7), CPU, MEMORY, OUTPUT],
  ),
  burns(
    'unpacks a bomb in a bomb, without keeping any of it',
    asynchronous(
      `${squeeze('gzip', 'new Uint8Array(1e7)')}let n = 0; for (;;) for await (const piece of new Blob([squeezed]).stream().pipeThrough(new DecompressionStream("gzip"))) n += piece.length`,
    ),
    [CPU, WALL],
  ),
  tries(
    'opens a thousand compressions and closes none',
    asynchronous(
      `const open = []; let refused = 0
       for (let i = 0; i < 1000; i++) { const s = new CompressionStream("gzip"); const w = s.writable.getWriter(); open.push(s, w.write(new Uint8Array(1)).catch(() => { refused++ }), s.readable.getReader().read().catch(() => {})) }
       await Promise.race([Promise.allSettled(open), new Promise((wake) => setTimeout(wake, 300))]); return refused > 0`,
    ),
    [returned(true), CPU, threw('QuotaExceededError'), threw('RangeError')],
    { settings: ROOMY },
  ),
  tries(
    'unpacks what is broken at every place',
    asynchronous(
      `${squeeze('deflate', '"hello hello hello hello"')}let n = 0
       for (let i = 0; i < squeezed.length; i++) { const broken = squeezed.slice(); broken[i] ^= 255; await new Response(new Blob([broken]).stream().pipeThrough(new DecompressionStream("deflate"))).bytes().catch(() => { n++ }) }
       return n > 5`,
    ),
    [returned(true)],
    { settings: ROOMY },
  ),
  tries(
    'writes into a compression that it has broken off',
    reveal(
      'await (async () => { const s = new CompressionStream("gzip"); const w = s.writable.getWriter(); await s.readable.cancel(); await w.write(new Uint8Array(9)) })()',
      'await (async () => { const s = new DecompressionStream("gzip"); const w = s.writable.getWriter(); w.abort(new RangeError("x")); await w.write(new Uint8Array(9)) })()',
      'await (async () => { const s = new CompressionStream("gzip"); const w = s.writable.getWriter(); await w.close(); await w.write(new Uint8Array(9)) })()',
    ),
    [returned(['TypeError', 'RangeError', 'TypeError']), returned(['undefined', 'RangeError', 'TypeError']), WALL],
  ),
  burns(
    'leaves work on the other thread behind',
    asynchronous(
      'const key = await crypto.subtle.importKey("raw", new Uint8Array(8), "PBKDF2", false, ["deriveBits"]); crypto.subtle.deriveBits({ name: "PBKDF2", hash: "SHA-512", salt: new Uint8Array(8), iterations: 1e7 }, key, 512); return "left"',
    ),
    [returned('left'), CPU],
  ),
  tries(
    'tells its log a million times where it stands',
    asynchronous(
      'for (let i = 0; i < 30; i++) console.log("file:///function.js:1:1 ".repeat(170)); throw new Error("file:///function.js:2:3 ".repeat(1e5))',
    ),
    [threw('Error'), OUTPUT],
  ),
  tries(
    'uploads a map of two million empty lines, and points at them',
    `const lines = \`${'\n'.repeat(1_000_000)}\`
export default () => { for (let i = 0; i < 16; i++) console.log("file:///function.js:1000000:1 ".repeat(130)); throw new Error("x" + lines.length) }
${MAP_HERE}`,
    [threw('Error')],
  ),
]
