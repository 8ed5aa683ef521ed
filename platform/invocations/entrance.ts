import { setTimeout as pause } from 'node:timers/promises'
import type { DataAddress } from '../../runtime/contract/data.ts'
import type { LaneAddress } from '../../runtime/contract/lanes.ts'
import type { Functions } from '../registry/function-directory.ts'
import type { Tenants } from '../registry/tenant-directory.ts'
import { openDataServer } from './data-server.ts'
import { createInvoke, type Invoke, type InvokeDeps } from './invoke.ts'
import { LaneEntry } from './lane-entry.ts'
import { LaneRouter } from './lane-router.ts'
import { createNestedInvoke } from './nested-invoke.ts'
import { OpenInvocations } from './open-invocations.ts'

export interface EntranceOptions {
  /** Unique per process start: a letter and up to 62 of a-z, 0-9 and "-". */
  readonly id: string
  readonly lanes: readonly LaneAddress[]
  readonly dataDir: string
  /** Where workers on other machines find it; undefined: there are none. */
  readonly dataHost: string | undefined
  readonly functions: Functions
  readonly tenants: Pick<Tenants, 'fresh'>
  readonly answered: InvokeDeps['answered']
  readonly onError: (error: Error) => void
}

/** A process's way to have functions run: into the lanes, and to the bytes that do not go through them. */
export interface Entrance extends AsyncDisposable {
  readonly submitter: LaneRouter
  readonly invoke: Invoke
  /** Lanes that take no calls now. */
  closedLanes(): string[]
}

/** A lane that is away shall not keep the others waiting. */
const LANE_WAIT_MS = 2_000

/** Resolves when every lane takes calls, or after a while when one does. */
export async function openEntrance({ id, lanes, dataDir, dataHost, functions, tenants, answered, onError }: EntranceOptions): Promise<Entrance> {
  await using releases = new AsyncDisposableStack()
  const entries = lanes.map((lane) => releases.use(new LaneEntry({ lane, gatewayId: id, onError })))
  const submitter = new LaneRouter({ lanes: new Map(entries.map((entry) => [entry.name, entry])), tenants, onError })
  const open = new OpenInvocations()
  const invoke = createInvoke({ gatewayId: id, lane: submitter, open, answered })
  const nested = createNestedInvoke({ open, functions, invoke })
  const data = releases.adopt(await openDataServer({ dataDir, open, nested, host: dataHost, onError }), (it) => it.close())
  await openLanes(entries, data.address)
  const opened = releases.move()
  return {
    submitter,
    invoke,
    closedLanes: () => entries.filter(({ isOpen }) => !isOpen).map(({ name }) => name),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

async function openLanes(entries: readonly LaneEntry[], address: DataAddress): Promise<void> {
  const opening = entries.map((entry) => entry.open(address))
  await Promise.any(opening)
  const patience = new AbortController()
  const late = pause(LANE_WAIT_MS, undefined, { signal: patience.signal }).catch(() => {})
  await Promise.race([Promise.all(opening), late])
  patience.abort()
}
