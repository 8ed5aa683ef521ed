import { KeyCache } from './key-cache.ts'
import { ZlibContexts } from './zlib-contexts.ts'

/** What a cell keeps for one sandbox outside its isolate. It dies with the sandbox. */
export class Holdings {
  readonly keys = new KeyCache()
  readonly contexts = new ZlibContexts()

  release(): void {
    this.keys.clear()
    this.contexts.clear()
  }
}
