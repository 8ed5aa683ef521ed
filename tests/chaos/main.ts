// `npm run chaos -- [--seed n] [--seconds n] [--rate n] [--only words] [--output]`: a deployment under load while everything in it is killed, paused and cut off.
// Ends with 1 when a claim is broken.
import { parseArgs } from 'node:util'
import { report } from './report.ts'
import { tell } from './story.ts'
import { TROUBLES, type TroubleName } from './troubles.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000)) },
    seconds: { type: 'string', default: '60' },
    /** Calls a second. */
    rate: { type: 'string', default: '20' },
    /** Only troubles with this in their name. */
    only: { type: 'string', default: '' },
    /** Print what the platform's processes printed, too. */
    output: { type: 'boolean', default: false },
  },
})
const [seed, seconds, perSecond] = [positive('seed', values.seed), positive('seconds', values.seconds), positive('rate', values.rate)]
const troubles = (Object.keys(TROUBLES) as TroubleName[]).filter((name) => name.includes(values.only))
if (troubles.length === 0)
  throw new RangeError(`--only must be part of one of: ${Object.keys(TROUBLES).join(', ')}; current value is "${values.only}"`)

console.log(`seed ${seed}, ${seconds} s of load at ${perSecond} calls/s`)
const startedAt = performance.now()
const say = (line: string): void => console.log(`${((performance.now() - startedAt) / 1_000).toFixed(1).padStart(6)} s  ${line}`)
const told = await tell({ seed, seconds, perSecond, troubles, gapMs: 3_000, say })
if (values.output) console.log(told.output)
console.log(report(told))
process.exit(told.claims.every(({ broken }) => broken.length === 0) ? 0 : 1)

function positive(name: string, text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 0) return value
  throw new RangeError(`--${name} must be a whole number from 0; current value is ${JSON.stringify(text)}`)
}
