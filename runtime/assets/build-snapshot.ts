// A process of its own: builds the prelude, takes a V8 snapshot of it, writes it to the path given, and ends.
import { writeFileSync } from 'node:fs'
import { buildPrelude, buildSnapshot, buildWarmUp } from './prelude.ts'

const [path] = process.argv.slice(2) as [string]
writeFileSync(path, new Uint8Array(buildSnapshot(await buildPrelude(), await buildWarmUp())))
