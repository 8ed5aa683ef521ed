import { createHash } from 'node:crypto'
import { MAX_SOURCE_MAP_BYTES } from '../../runtime/contract/artifact.ts'
import { MAX_BUNDLE_BYTES, MAX_SOURCE_BYTES } from '../../runtime/contract/limits.ts'
import { describeBuildError } from './build-error.ts'
import { BuilderLink } from './builder-link.ts'
import { decodeBundled, encodeUpload } from './builder-wire.ts'
import type { BuildFailure, Built, Upload } from './built.ts'
import type { Bundled } from './bundle.ts'
import { packageHint } from './resolve-import.ts'
import type { BuilderChild } from './spawn-builder-child.ts'
import { spawnBuilderChild } from './spawn-builder-child.ts'
import { TenantQueue } from './tenant-queue.ts'

export const BUILD_TIMEOUT_MS = 10_000

/** Uploads bundled at once; the others wait their turn. Each takes a core for tens of milliseconds, or for {@link BUILD_TIMEOUT_MS}. */
const MAX_BUILDS_AT_ONCE = 2
/** So that an upload that takes long holds up its own tenant's alone. */
const MAX_BUILDS_AT_ONCE_PER_TENANT = 1
export const MAX_WAITING_BUILDS_PER_TENANT = 20
/** What one takes, as long as none has been measured. */
const FIRST_GUESS_MS = 100

export interface BuilderDeps {
  readonly log: { warn(fields: object, message: string): void }
  /** Default {@link spawnBuilderChild}. */
  readonly spawnChild?: () => BuilderChild
  /** Default {@link BUILD_TIMEOUT_MS}. */
  readonly timeoutMs?: number
}

export interface Builder extends Disposable {
  /**
   * Bundles one upload in a process that has seen no other, when it is its tenant's turn. What is wrong with the upload is a
   * value; a throw is our own fault.
   */
  build(tenant: string, upload: Upload): Promise<Built | BuildFailure>
}

/** Keeps one blank child ready, since starting one takes ten times as long as bundling a small function. */
export function createBuilder({ log, spawnChild = spawnBuilderChild, timeoutMs = BUILD_TIMEOUT_MS }: BuilderDeps): Builder {
  const live = new Set<BuilderLink>()
  const turns = new TenantQueue({
    atOnce: MAX_BUILDS_AT_ONCE,
    atOncePerTenant: MAX_BUILDS_AT_ONCE_PER_TENANT,
    mostWaitingPerTenant: MAX_WAITING_BUILDS_PER_TENANT,
  })
  let usualMs = FIRST_GUESS_MS
  let closed = false
  let blank: BuilderLink | undefined = fork()

  function fork(): BuilderLink {
    const link = new BuilderLink(spawnChild())
    live.add(link)
    return link
  }

  function throwAway(link: BuilderLink): void {
    live.delete(link)
    link[Symbol.dispose]()
  }

  /** The blank child, or a new one: it may have died while it waited. */
  function take(): BuilderLink {
    const link = blank
    blank = undefined
    if (link?.alive) return link
    if (link) throwAway(link)
    return fork()
  }

  async function build(tenant: string, upload: Upload): Promise<Built | BuildFailure> {
    const sourceBytes = [...upload.modules.values()].reduce((sum, { bytes }) => sum + bytes.length, 0)
    if (sourceBytes > MAX_SOURCE_BYTES) {
      return failure('source_too_large', `The modules are ${sourceBytes} bytes together: allowed are ${MAX_SOURCE_BYTES}`)
    }
    const turn = turns.turn(tenant)
    if (turn === undefined) return tooMany(turns.waitingOf(tenant) * usualMs)
    using _turn = await turn
    if (closed) throw new Error('Cannot build: the builder is closed')
    const startedAt = performance.now()
    const link = take()
    try {
      return await bundleIn(link, upload, sourceBytes)
    } finally {
      throwAway(link)
      usualMs += (performance.now() - startedAt - usualMs) / 8
      if (!closed) blank ??= fork()
    }
  }

  async function bundleIn(link: BuilderLink, upload: Upload, sourceBytes: number): Promise<Built | BuildFailure> {
    const ready = await link.next(timeoutMs)
    if ('died' in ready) throw new Error(`Cannot start a builder: ${ready.died}`)
    link.send(encodeUpload(upload))
    const answer = await link.next(timeoutMs)
    if ('died' in answer) {
      log.warn({ reason: answer.died, sourceBytes }, 'a builder died of its upload')
      return failure('too_complex', 'The bundler gave up on this code: it is nested too deeply, or takes too long or too much memory to parse')
    }
    return toBuilt(decodeBundled(answer.frame), upload.mainModule, sourceBytes)
  }

  return {
    build,
    [Symbol.dispose]() {
      closed = true
      // Who waits has his turn then, and hears that it is closed.
      for (const link of live) throwAway(link)
    },
  }
}

function toBuilt(bundled: Bundled, mainModule: string, sourceBytes: number): Built | BuildFailure {
  if (!bundled.ok) {
    const { errors } = bundled
    const lines = [...errors.map(describeBuildError), packageHint(errors, mainModule) ?? []].flat()
    return { ok: false, code: 'build_failed', detail: lines.join('\n'), errors }
  }
  const { script, sourceMap, warnings } = bundled
  const bundleBytes = Buffer.byteLength(script)
  if (bundleBytes > MAX_BUNDLE_BYTES) {
    return failure('bundle_too_large', `The bundled script is ${bundleBytes} bytes: allowed are ${MAX_BUNDLE_BYTES}`)
  }
  return {
    ok: true,
    script,
    sha256: createHash('sha256').update(script).digest('hex'),
    sourceBytes,
    bundleBytes,
    sourceMap: Buffer.byteLength(sourceMap) > MAX_SOURCE_MAP_BYTES ? undefined : sourceMap,
    warnings,
  }
}

function tooMany(retryAfterMs: number): BuildFailure {
  const detail = `${MAX_WAITING_BUILDS_PER_TENANT} uploads of this tenant wait for the bundler already, the most that may. Try again after the time in Retry-After`
  return { ...failure('too_many_deploys', detail), retryAfterMs }
}

function failure(code: BuildFailure['code'], detail: string): BuildFailure {
  return { ok: false, code, detail, errors: [] }
}
