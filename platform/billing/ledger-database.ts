import { DatabaseSync } from 'node:sqlite'

/** How long a statement waits for another connection's lock. */
const BUSY_TIMEOUT_MS = 5_000

/**
 * Each entry takes a database from version i to i + 1; released ones never change.
 *
 * `record`: one row per (id, attempt). Times in microseconds, instants in epoch milliseconds, `cost` in
 * pico-dollars. `usage_hour`: sums of `record` by hour of acceptance, written in the same transaction, so totals
 * never scan records.
 */
const MIGRATIONS = [
  `
  CREATE TABLE record (
    id TEXT NOT NULL, attempt INTEGER NOT NULL,
    tenant TEXT NOT NULL, function TEXT NOT NULL, version INTEGER NOT NULL, trigger TEXT NOT NULL,
    accepted_at INTEGER NOT NULL, started_at INTEGER NOT NULL,
    queue_us INTEGER NOT NULL, init_us INTEGER NOT NULL, run_us INTEGER NOT NULL, stall_us INTEGER NOT NULL, cpu_us INTEGER NOT NULL,
    billed_ms INTEGER NOT NULL, memory_mb INTEGER NOT NULL, concurrency INTEGER NOT NULL, heap_mb REAL NOT NULL,
    request_bytes INTEGER NOT NULL, response_bytes INTEGER NOT NULL, egress_bytes INTEGER NOT NULL, subrequests INTEGER NOT NULL,
    start TEXT NOT NULL, outcome TEXT NOT NULL, limit_name TEXT, worker TEXT NOT NULL,
    pico_gb_seconds INTEGER NOT NULL, cost INTEGER NOT NULL, price_book TEXT NOT NULL,
    PRIMARY KEY (id, attempt)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX record_by_time ON record (tenant, accepted_at, id, attempt);
  CREATE TABLE usage_hour (
    tenant TEXT NOT NULL, hour INTEGER NOT NULL, function TEXT NOT NULL, version INTEGER NOT NULL, trigger TEXT NOT NULL, outcome TEXT NOT NULL,
    requests INTEGER NOT NULL, pico_gb_seconds INTEGER NOT NULL, cpu_us INTEGER NOT NULL, cost INTEGER NOT NULL,
    PRIMARY KEY (tenant, hour, function, version, trigger, outcome)
  ) STRICT, WITHOUT ROWID;
  `,
]

/**
 * Opens the ledger's SQLite file, creating or migrating it. Integers are read as BigInt: above 2^53 node:sqlite
 * throws otherwise. `synchronous = FULL`, because the lane's copy of a record is deleted right after the commit.
 */
export function openLedgerDatabase(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS, readBigInts: true })
  try {
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;')
    migrate(database, path)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

function migrate(database: DatabaseSync, path: string): void {
  inTransaction(database, () => {
    const version = Number(database.prepare('PRAGMA user_version').get()?.user_version)
    if (version > MIGRATIONS.length) {
      throw new Error(`Cannot open ledger ${path}: its schema is version ${version}, this program knows up to ${MIGRATIONS.length}`)
    }
    for (const migration of MIGRATIONS.slice(version)) database.exec(migration)
    database.exec(`PRAGMA user_version = ${MIGRATIONS.length}`)
  })
}

/** All of `work` or none of it. Takes the write lock at once, so that it cannot fail half way for want of it. */
export function inTransaction<T>(database: DatabaseSync, work: () => T): T {
  database.exec('BEGIN IMMEDIATE')
  try {
    const result = work()
    database.exec('COMMIT')
    return result
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}
