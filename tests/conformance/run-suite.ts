import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { buildPrelude } from '../../runtime/assets/prelude.ts'
import type { FromChild, ToChild } from './suite-child.ts'
import type { TestFile } from './test-file.ts'
import type { FileResult } from './test-isolate.ts'

const CHILD = fileURLToPath(new URL('suite-child.ts', import.meta.url))
/** One file, from being sent to its result; beyond it the child is killed. */
const FILE_WALL_MS = 120_000

export type Progress = (done: number, total: number, file: TestFile) => void

/** Runs the files in child processes, as many as there are cores. Results by the files' ids. */
export async function runSuite(root: string, files: readonly TestFile[], progress: Progress = () => {}): Promise<Map<string, FileResult>> {
  const prelude = await buildPrelude()
  const results = new Map<string, FileResult>()
  const queue = [...files]
  const lanes = Array.from({ length: Math.min(availableParallelism(), queue.length) }, async () => {
    let child: ChildProcess | undefined
    try {
      for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
        child ??= startChild(root, prelude)
        const result = await askChild(child, file)
        if (result === undefined) child = undefined
        results.set(file.id, result ?? { subtests: [], harness: 'crash: the process ended, or was ended after too long' })
        progress(results.size, files.length, file)
      }
    } finally {
      child?.kill('SIGKILL')
    }
  })
  await Promise.all(lanes)
  return results
}

function startChild(root: string, prelude: string): ChildProcess {
  // The flag is isolated-vm's: see its README.
  const child = fork(CHILD, { execArgv: ['--no-node-snapshot'], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  child.send({ root, prelude } satisfies ToChild)
  return child
}

/** Undefined when the child did not live to tell. */
async function askChild(child: ChildProcess, file: TestFile): Promise<FileResult | undefined> {
  const asked = new AbortController()
  const timer = setTimeout(() => child.kill('SIGKILL'), FILE_WALL_MS)
  try {
    const { signal } = asked
    const answered = once(child, 'message', { signal }).then(([message]) => (message as FromChild).result)
    const ended = once(child, 'exit', { signal }).then(() => undefined)
    child.send({ file } satisfies ToChild)
    return await Promise.race([answered, ended])
  } finally {
    clearTimeout(timer)
    asked.abort()
  }
}
