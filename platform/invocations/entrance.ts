import { connected, openLaneConnection } from '../../runtime/lane/connection.ts'
import { lanePrefix, MAIN_LANE } from '../../runtime/lane/scripts.ts'
import { Submitter } from '../../runtime/lane/submitter.ts'
import type { Functions } from '../registry/function-directory.ts'
import { publishDataAddress } from './data-address.ts'
import { openDataServer } from './data-server.ts'
import { createInvoke, type Invoke, type InvokeDeps } from './invoke.ts'
import { createNestedInvoke } from './nested-invoke.ts'
import { OpenInvocations } from './open-invocations.ts'

export interface EntranceOptions {
  /** Unique per process start: a letter and up to 62 of a-z, 0-9 and "-". */
  readonly id: string
  readonly laneUrl: string
  readonly dataDir: string
  /** Where workers on other machines find it; undefined: there are none. */
  readonly dataHost: string | undefined
  readonly functions: Functions
  readonly answered: InvokeDeps['answered']
  readonly onError: (error: Error) => void
}

/** A process's way to have functions run: into the lane, and to the bytes that do not go through it. */
export interface Entrance extends AsyncDisposable {
  readonly submitter: Submitter
  readonly invoke: Invoke
}

export async function openEntrance({ id, laneUrl, dataDir, dataHost, functions, answered, onError }: EntranceOptions): Promise<Entrance> {
  await using releases = new AsyncDisposableStack()
  const submitter = releases.adopt(new Submitter({ url: laneUrl, gatewayId: id, onError }), (it) => it.close())
  await submitter.open()
  const redis = releases.adopt(openLaneConnection(laneUrl, `lane:${id}`, onError), (it) => it.disconnect())
  await connected(redis)
  const open = new OpenInvocations()
  const invoke = createInvoke({ gatewayId: id, lane: submitter, open, answered })
  const nested = createNestedInvoke({ open, functions, invoke })
  const data = releases.adopt(await openDataServer({ dataDir, open, nested, host: dataHost, onError }), (it) => it.close())
  releases.use(await publishDataAddress({ redis, prefix: lanePrefix(MAIN_LANE), gatewayId: id, address: data.address, onError }))
  const opened = releases.move()
  return { submitter, invoke, [Symbol.asyncDispose]: () => opened.disposeAsync() }
}
