/** One line of the table: a part of WPT that a function's globals are held to. */
export interface Area {
  readonly name: string
  /** Folders (ending in `/`) and files of WPT, from its root. */
  readonly paths: readonly string[]
  /** Share of subtests that must pass over the files that apply, 0 to 1. */
  readonly required: number
  /** Takes minutes on a small machine (RSA keys): left out of `npm test`, but not of `npm run test:wpt`. */
  readonly slow?: true
}

/**
 * What is run. Only `.any.js` files: tests that WPT itself declares to need no document; they are generated into a page
 * or a worker there, and into a function here.
 */
export const AREAS: readonly Area[] = [
  { name: 'url', paths: ['url/'], required: 0.99 },
  { name: 'urlpattern', paths: ['urlpattern/'], required: 0.93 },
  { name: 'encoding', paths: ['encoding/'], required: 0.96 },
  { name: 'streams', paths: ['streams/'], required: 0.98 },
  { name: 'compression', paths: ['compression/'], required: 0.98 },
  { name: 'fetch', paths: ['fetch/api/headers/', 'fetch/api/request/', 'fetch/api/response/', 'fetch/api/body/'], required: 0.85 },
  { name: 'fetch-abort', paths: ['fetch/api/abort/'], required: 0.85 },
  { name: 'formdata', paths: ['xhr/formdata/'], required: 0.95 },
  { name: 'FileAPI', paths: ['FileAPI/'], required: 0.95 },
  { name: 'dom', paths: ['dom/abort/', 'dom/events/'], required: 1 },
  { name: 'html', paths: ['html/webappapis/'], required: 0.95 },
  { name: 'webcrypto', paths: ['WebCryptoAPI/'], required: 0.95, slow: true },
  { name: 'hr-time', paths: ['hr-time/'], required: 0.95 },
  { name: 'console', paths: ['console/'], required: 0.95 },
  { name: 'webidl', paths: ['webidl/'], required: 0.95 },
]

/** What the tests themselves need beside their own folders. */
export const SHARED_PATHS = ['resources/', 'common/', 'media/', 'fetch/data-urls/resources/', 'fetch/api/resources/'] as const
