import { type Blob, blobBytes, File, isFile } from './blob.ts'
import { append, type List, newList, toArray } from './list.ts'
import { pairIterators } from './pair-iterator.ts'
import { define, reflectApply, SafeTypeError } from './primordials.ts'
import { toUsvText } from './text.ts'

export interface FormEntry {
  readonly name: string
  readonly value: string | File
}

/** The entries of a FormData; `undefined` for anything else. */
export let formEntries: (value: unknown) => List<FormEntry> | undefined

export class FormData {
  #entries: List<FormEntry> = newList()

  constructor(form?: unknown) {
    if (form !== undefined) throw new SafeTypeError('Cannot make a FormData from an argument: there are no form elements here')
  }

  append(name: unknown, value: unknown, filename?: unknown): void {
    append(this.#entries, toEntry(name, value, filename))
  }

  set(name: unknown, value: unknown, filename?: unknown): void {
    const entry = toEntry(name, value, filename)
    const kept: List<FormEntry> = newList()
    let placed = false
    for (let at = 0; at < this.#entries.length; at++) {
      const one = this.#entries[at] as FormEntry
      if (one.name !== entry.name) append(kept, one)
      else if (!placed) {
        append(kept, entry)
        placed = true
      }
    }
    if (!placed) append(kept, entry)
    this.#entries = kept
  }

  delete(name: unknown): void {
    const key = toUsvText(name)
    const kept: List<FormEntry> = newList()
    for (let at = 0; at < this.#entries.length; at++) if (this.#entries[at]?.name !== key) append(kept, this.#entries[at] as FormEntry)
    this.#entries = kept
  }

  get(name: unknown): string | File | null {
    const key = toUsvText(name)
    for (let at = 0; at < this.#entries.length; at++) if (this.#entries[at]?.name === key) return (this.#entries[at] as FormEntry).value
    return null
  }

  getAll(name: unknown): (string | File)[] {
    const key = toUsvText(name)
    const found: List<string | File> = newList()
    for (let at = 0; at < this.#entries.length; at++) if (this.#entries[at]?.name === key) append(found, (this.#entries[at] as FormEntry).value)
    return toArray(found)
  }

  has(name: unknown): boolean {
    const key = toUsvText(name)
    for (let at = 0; at < this.#entries.length; at++) if (this.#entries[at]?.name === key) return true
    return false
  }

  forEach(visit: (value: string | File, name: string, form: FormData) => void, self?: unknown): void {
    for (let at = 0; at < this.#entries.length; at++) {
      const { name, value } = this.#entries[at] as FormEntry
      reflectApply(visit, self, [value, name, this])
    }
  }

  entries(): IterableIterator<[string, string | File]> {
    return iterate('entries', (at) => this.#entries[at]) as IterableIterator<[string, string | File]>
  }
  keys(): IterableIterator<string> {
    return iterate('keys', (at) => this.#entries[at]) as IterableIterator<string>
  }
  values(): IterableIterator<string | File> {
    return iterate('values', (at) => this.#entries[at]) as IterableIterator<string | File>
  }
  declare [Symbol.iterator]: () => IterableIterator<[string, string | File]>

  static {
    formEntries = (value) => (typeof value === 'object' && value !== null && #entries in value ? value.#entries : undefined)
  }
}

const iterate = pairIterators<string | File>('FormData')
define(FormData.prototype, Symbol.iterator, FormData.prototype.entries, false)

function toEntry(name: unknown, value: unknown, filename: unknown): FormEntry {
  const key = toUsvText(name)
  const bytes = blobBytes(value)
  if (bytes === undefined) {
    if (filename !== undefined) throw new SafeTypeError('Cannot add to a FormData: a file name needs a Blob as its value')
    return { name: key, value: toUsvText(value) }
  }
  const blob = value as Blob
  if (isFile(blob) && filename === undefined) return { name: key, value: blob }
  const title = filename === undefined ? 'blob' : toUsvText(filename)
  const { type } = blob
  return { name: key, value: new File([blob], title, isFile(blob) ? { type, lastModified: blob.lastModified } : { type }) }
}
