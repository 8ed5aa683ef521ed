import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Store } from './open-store.ts'

/** A Lua script of this folder: one step that nobody sees half done. Sent by its hash, and in full once per server start. */
export class StoreScript {
  readonly #source: string
  readonly #sha1: string

  /** `files` are joined in order, so that a script can stand on functions of another. */
  constructor(...files: string[]) {
    this.#source = files.map((file) => readFileSync(new URL(file, import.meta.url), 'utf8')).join('\n')
    this.#sha1 = createHash('sha1').update(this.#source).digest('hex')
  }

  async run(store: Store, ...args: (string | Buffer | number)[]): Promise<unknown> {
    try {
      return await store.evalsha(this.#sha1, 0, ...args)
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error
      return await store.eval(this.#source, 0, ...args)
    }
  }
}
