import ivm from 'isolated-vm'
import { buildSnapshot } from '../../runtime/assets/prelude.ts'
import type { TestFile } from './test-file.ts'
import { type FileResult, runTestFile } from './test-isolate.ts'

/** To the child: first what isolates are made from, then one file after the other. */
export type ToChild = { readonly root: string; readonly prelude: string } | { readonly file: TestFile }
export type FromChild = { readonly result: FileResult }

// Program of a child process of run-suite.ts: a test that takes V8 down takes this process only.
let root = ''
let snapshot: ivm.ExternalCopy<ArrayBuffer> | undefined

process.on('message', async (message: ToChild) => {
  if ('prelude' in message) {
    root = message.root
    snapshot = new ivm.ExternalCopy(buildSnapshot(message.prelude))
    return
  }
  if (snapshot === undefined) throw new Error('Cannot run a test: the prelude has not come yet')
  process.send?.({ result: await runTestFile(root, message.file, snapshot) } satisfies FromChild)
})
