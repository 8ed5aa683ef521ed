import { chmodSync, rmSync } from 'node:fs'
import type { Server } from 'node:http'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import { createAdaptorServer } from '@hono/node-server'
import { pino } from 'pino'
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
 * Environment: REDIS_URL (the lane), ISOLANE_DATA_DIR, ISOLANE_LOG_LEVEL (default info). Tells its parent `ready`
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

const onLaneError = (error: Error): void => log.debug({ err: error }, 'Lane connection')
using stream = openUsageSource(required('REDIS_URL'), 'ledger', onLaneError)
using bell = openUsageSource(required('REDIS_URL'), 'ledger-bell', onLaneError)
using database = openLedgerDatabase(join(dataDir, 'ledger.sqlite'))
const drain = new UsageDrain({ stream, bell, ledger: new Ledger(database, DEFAULT_PRICE_BOOK), log, now: () => performance.now() })

const server = createAdaptorServer({ fetch: ledgerApi({ reader: new LedgerReader(database), drain }).fetch }) as Server
await listen(server, socketPath)
process.send?.('ready')
log.info({ socketPath }, 'Ledger is open')

stopping.signal.addEventListener('abort', () => bell[Symbol.dispose]())
await drain.run(stopping.signal)
server.close()
await drain.toEnd().catch((error: Error) => log.warn({ err: error }, 'Could not drain the usage stream a last time: it keeps until the next start'))
server.closeAllConnections()
if (process.connected) process.disconnect?.()

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
