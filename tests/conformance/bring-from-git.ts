import { runTool } from './run-tool.ts'

const REPOSITORY = 'https://github.com/web-platform-tests/wpt.git'
/** The state the expectations were written against in its url, urlpattern and shared parts. */
const COMMIT = '4832db47614f5f48cc57374cbf5c1f70937fad48'
const REACH_MS = 20_000
const BRING_MS = 600_000

/** A sparse checkout of one commit. Returns its name for the table. */
export async function bringFromGit(folder: string, paths: readonly string[], say: (line: string) => void): Promise<string> {
  say(`Trying WPT's repository: ${REPOSITORY}`)
  await runTool('git', ['ls-remote', '--exit-code', REPOSITORY, 'HEAD'], REACH_MS)
  const git = (...args: string[]) => runTool('git', args, BRING_MS, folder)
  await git('init', '--quiet')
  await git('sparse-checkout', 'set', '--no-cone', ...paths.map((path) => `/${path}/`))
  await git('fetch', '--quiet', '--depth', '1', '--filter=blob:none', REPOSITORY, COMMIT)
  await git('-c', `remote.origin.url=${REPOSITORY}`, '-c', 'remote.origin.promisor=true', 'checkout', '--quiet', 'FETCH_HEAD')
  return `web-platform-tests/wpt at ${COMMIT}`
}
