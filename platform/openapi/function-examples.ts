const LIMITS = { memoryMb: 128, timeoutMs: 5_000, concurrency: 16, wasm: false }
const SHA256 = '5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef'
const SIZES = { sourceBytes: 312, bundleBytes: 447 }
const ACCESS = { access: 'private', maxConcurrency: null, idempotent: false, retries: 2, onSuccess: null, onFailure: null }

export const VERSION_EXAMPLE = { version: 3, sha256: SHA256, style: 'fetch', ...LIMITS, ...SIZES, createdAt: '2026-01-31T12:00:00.000Z' }

export const FUNCTION_EXAMPLE = {
  name: 'hello',
  tenant: 'default',
  url: '/fn/default/hello',
  live: 3,
  ...ACCESS,
  aliases: { live: [{ version: 3, weight: 1 }] },
  lastVersion: 3,
  version: VERSION_EXAMPLE,
  revision: 7,
  createdAt: '2026-01-30T09:30:00.000Z',
  updatedAt: '2026-01-31T12:00:00.000Z',
}

export const DEPLOYED_EXAMPLE = {
  name: 'hello',
  tenant: 'default',
  version: 3,
  url: '/fn/default/hello',
  sha256: SHA256,
  ...SIZES,
  style: 'fetch',
  live: { moved: true, version: 3 },
  settings: { ...LIMITS, env: { GREETING: 'hello' }, ...ACCESS },
  report: { buildMs: 6.3, initMs: 1.2, cpuMs: 1.1, heapMb: 1.9, coldStartMs: 2.4 },
  warnings: [],
}
