// What the bundled libraries expect to find as globals while they are evaluated; esbuild injects these names.
export { TextDecoder, TextEncoder } from '@exodus/bytes/encoding.js'

/** Absent while a snapshot is built and removed afterwards: nothing is ever one. */
class NeverShared {
  get byteLength(): number {
    throw new TypeError('Not a SharedArrayBuffer')
  }
  get growable(): boolean {
    throw new TypeError('Not a SharedArrayBuffer')
  }
}

export { NeverShared as SharedArrayBuffer }
