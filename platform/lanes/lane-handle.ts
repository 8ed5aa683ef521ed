import type { LaneAddress } from '../../runtime/contract/lanes.ts'
import { openLaneConnection } from '../../runtime/lane/connection.ts'
import { FunctionLog } from '../../runtime/lane/function-log.ts'
import { LaneView } from '../../runtime/lane/lane-view.ts'
import { lanePrefix } from '../../runtime/lane/scripts.ts'
import { DecisionLog } from '../autoscaler/decision-log.ts'

/** A lane as its gateways show it. While it is away everything here fails at once, but for reading lines, which waits for it. */
export interface LaneHandle extends Disposable {
  readonly view: LaneView
  readonly decisions: DecisionLog
  readonly logs: FunctionLog
  /** For who follows: a reader that waits needs a connection of its own. */
  openLogs(): FunctionLog
}

export function openLaneHandle({ name, url }: LaneAddress, onError: (error: Error) => void): LaneHandle {
  const view = new LaneView({ url, lane: name, onError })
  const redis = openLaneConnection(url, 'decisions', onError)
  const openLogs = (): FunctionLog => new FunctionLog({ url, lane: name, onError })
  const logs = openLogs()
  return {
    view,
    decisions: new DecisionLog(redis, lanePrefix(name)),
    logs,
    openLogs,
    [Symbol.dispose]() {
      view.close()
      redis.disconnect()
      logs.close()
    },
  }
}
