import { relative } from 'node:path'
import type { FirstKey } from './registry/first-key.ts'

export interface BannerFacts {
  readonly url: string
  readonly firstKey: FirstKey
  readonly dataDir: string
  readonly metricsUrl: string
  readonly workers: number
  /** Which walls hold around tenants' code; undefined where no worker is known yet. */
  readonly walls: readonly string[] | undefined
  readonly cwd: string
}

/** What somebody who typed `npm start` reads: where it is, how to get in, and three lines to paste. */
export function banner({ url, firstKey, dataDir, metricsUrl, workers, walls, cwd }: BannerFacts): string {
  const key = keyLines(firstKey)
  const bearer = `-H "Authorization: Bearer $KEY"`
  const lines = [
    '',
    `isolane is ready on ${url}`,
    '',
    `  data      ${shorter(dataDir, cwd)}`,
    `  metrics   ${metricsUrl}`,
    `  workers   ${workers === 0 ? 'none now, the first call starts one' : `${workers} ready`}${walls === undefined ? '' : `, walls around tenants' code: ${walls.join(' ')}`}`,
    ...(walls !== undefined && !walls.includes('uid')
      ? ["  ! not started as root: tenants' code runs under this user's own uid, without a wall of its own there"]
      : []),
    `  key       ${key.words}`,
    '',
    'Deploy a function, call it, see what it cost:',
    '',
    `  ${key.shell}`,
    `  curl ${bearer} -T functions/hello/handler.ts ${url}/v1/functions/hello`,
    `  curl ${bearer} "${url}/fn/default/hello?name=you"`,
    `  curl ${bearer} ${url}/v1/usage`,
    '',
    `Every call there is: ${url}/docs`,
    'Ctrl-C ends it; what you deployed is there again at the next start.',
    '',
  ]
  return lines.join('\n')

  function keyLines(first: FirstKey): { words: string; shell: string } {
    switch (first.origin) {
      case 'environment':
        return { words: 'the one in ISOLANE_ADMIN_KEY', shell: 'KEY=$ISOLANE_ADMIN_KEY' }
      case 'generated':
        return { words: `${first.key}   (shown this once; kept in ${shorter(first.path, cwd)})`, shell: `KEY=${first.key}` }
      case 'existing':
        return first.path === undefined
          ? { words: 'made at an earlier start', shell: 'KEY=…' }
          : { words: `in ${shorter(first.path, cwd)}`, shell: `KEY=$(cat ${shorter(first.path, cwd)})` }
    }
  }
}

function shorter(path: string, cwd: string): string {
  const fromHere = relative(cwd, path)
  return fromHere !== '' && !fromHere.startsWith('..') ? fromHere : path
}
