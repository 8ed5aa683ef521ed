import { chmodSync, rmSync } from 'node:fs'
import type { Server } from 'node:http'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import { createAdaptorServer } from '@hono/node-server'
import { pino } from 'pino'
import { type LaneAddress, laneAddresses, parseLanes } from '../../runtime/contract/lanes.ts'
import { LaneDrains } from './lane-drains.ts'
import { Ledger } from './ledger.ts'
import { ledgerApi } from './ledger-api.ts'
import { openLedgerDatabase } from './ledger-database.ts'
import { LedgerReader } from './ledger-reader.ts'
import { openUsageSource } from './open-usage-source.ts'
import { DEFAULT_PRICE_BOOK } from './price.ts'
import { claimSocketFolder, ledgerSocketPath } from './socket-path.ts'
import { UsageDrain } from './usage-drain.ts'

/**
 * The ledger process: SQLite is synchronous, so it lives apart from every request.
 *
 * Environment: REDIS_URL and ISOLANE_LANES (as in config.ts), ISOLANE_DATA_DIR, ISOLANE_LOG_LEVEL (default info). Tells its parent `ready`
 * once it listens. SIGTERM or the parent's end: drains once more, closes, exits.
 */
const dataDir = required('ISOLANE_DATA_DIR')
const log = pino({ name: 'ledger', level: process.env.ISOLANE_LOG_LEVEL ?? 'info' })
const socketPath = ledgerSocketPath(dataDir)
process.umask(0o077)

const stopping = new AbortController()
process.on('SIGTERM', () => stopping.abort())
process.on('SIGINT', () => {})
process.on('disconnect', () => stopping.abort())
// Its parent may have gone while this was loaded.
if (process.send !== undefined && !process.connected) stopping.abort()

const onLaneError = (error: Error): void => log.debug({ err: error }, 'Lane connection')
using releases = new DisposableStack()
const database = releases.use(openLedgerDatabase(join(dataDir, 'ledger.sqlite')))
const ledger = new Ledger(database, DEFAULT_PRICE_BOOK)
const bells: Disposable[] = []
const drains = new LaneDrains(new Map(lanes().map((lane) => [lane.name, openDrain(lane)])))

const server = createAdaptorServer({ fetch: ledgerApi({ reader: new LedgerReader(database), drain: drains }).fetch }) as Server
await listen(server, socketPath)
// Whoever started it may have died meanwhile: then nobody waits to hear it.
process.send?.('ready', undefined, undefined, () => {})
log.info({ socketPath }, 'Ledger is open')

stopping.signal.addEventListener('abort', () => {
  for (const bell of bells) bell[Symbol.dispose]()
})
await drains.run(stopping.signal)
server.close()
await drains
  .toEnd()
  .catch((error: Error) => log.warn({ err: error }, 'Could not drain every usage stream a last time: they keep until the next start'))
server.closeAllConnections()
if (process.connected) process.disconnect?.()

function lanes(): readonly LaneAddress[] {
  const parsed = parseLanes(process.env.ISOLANE_LANES ?? '')
  if ('problem' in parsed) throw new Error(`Cannot start the ledger: ISOLANE_LANES: ${parsed.problem}`)
  return laneAddresses(parsed, required('REDIS_URL'))
}

function openDrain(lane: LaneAddress): UsageDrain {
  const stream = releases.use(openUsageSource(lane, 'ledger', onLaneError))
  const bell = releases.use(openUsageSource(lane, 'ledger-bell', onLaneError))
  bells.push(bell)
  return new UsageDrain({ stream, bell, ledger, log: log.child({ lane: lane.name }), now: () => performance.now() })
}

async function listen(target: Server, path: string): Promise<void> {
  claimSocketFolder(dirname(path))
  if (await answers(path)) throw new Error(`Cannot open the ledger: another one already listens on ${path}`)
  rmSync(path, { force: true })
  await new Promise<void>((resolve, reject) => target.once('error', reject).listen(path, resolve))
  // The folder says who may come in; gateways of another user share it through its group.
  chmodSync(path, 0o660)
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path)
    probe.once('error', () => resolve(false))
    probe.once('connect', () => {
      probe.destroy()
      resolve(true)
    })
  })
}

function required(name: string): string {
  const value = process.env[name]
  if (!value) throw new Error(`Cannot start the ledger: ${name} is not set`)
  return value
}
