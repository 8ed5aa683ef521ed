import type { BuildError } from './build-error.ts'

/** One module as it was uploaded. `type` is its content type, when one came with it. */
export interface UploadedModule {
  readonly bytes: Buffer
  readonly type?: string
}

/** Modules by name: relative paths with `/`, such as `index.ts` or `lib/greet.ts`. */
export interface Upload {
  readonly modules: ReadonlyMap<string, UploadedModule>
  readonly mainModule: string
}

export interface Built {
  readonly ok: true
  /** A classic script: one function expression, `(function (module, exports, require) {…})`. */
  readonly script: string
  /** Of `script`, in hex: the artifact's name. */
  readonly sha256: string
  readonly sourceBytes: number
  readonly bundleBytes: number
  /** Source map of `script` as JSON, without the sources' own text and names; absent when it is larger than is kept. */
  readonly sourceMap: string | undefined
  /** For the author: `file:line:column: text`. */
  readonly warnings: readonly string[]
}

export interface BuildFailure {
  readonly ok: false
  /** `build_failed`: the code is wrong, see `errors`. `too_complex`: the bundler died of it or ran out of time. `too_many_deploys`: not tried, see `retryAfterMs`. The others: a size limit. */
  readonly code: 'build_failed' | 'too_complex' | 'source_too_large' | 'bundle_too_large' | 'too_many_deploys'
  readonly detail: string
  readonly errors: readonly BuildError[]
  readonly retryAfterMs?: number
}
