import type { KeyState } from './crypto-key.ts'
import { append, type List, newList } from './list.ts'
import { jsonStringify, SafeUint8Array, typedArrayByteLength, typedArraySet } from './primordials.ts'

/**
 * The bytes of one call to the cell, one after the other in its body. The call's text names them by their place:
 * see runtime/cell/crypto-arguments.ts.
 */
export class Parts {
  readonly #parts: List<Uint8Array> = newList()
  #total = 0

  /** Text that stands for these bytes; they are copied by `body`. */
  bytes(bytes: Uint8Array): string {
    return `{"bytes":${this.#add(bytes)}}`
  }

  /** Text that stands for a key. */
  key({ handle, spec, material }: KeyState): string {
    return `{"key":{"handle":${handle},"spec":${jsonStringify(spec)},"part":${this.#add(material)}}}`
  }

  get total(): number {
    return this.#total
  }

  get lengthsText(): string {
    let text = '['
    for (let at = 0; at < this.#parts.length; at++) text += `${at === 0 ? '' : ','}${typedArrayByteLength(this.#parts[at] as Uint8Array)}`
    return `${text}]`
  }

  body(): ArrayBuffer {
    const all = new SafeUint8Array(this.#total)
    for (let part = 0, at = 0; part < this.#parts.length; part++) {
      const bytes = this.#parts[part] as Uint8Array
      typedArraySet(all, bytes, at)
      at += typedArrayByteLength(bytes)
    }
    return all.buffer
  }

  #add(bytes: Uint8Array): number {
    append(this.#parts, bytes)
    this.#total += typedArrayByteLength(bytes)
    return this.#parts.length - 1
  }
}
