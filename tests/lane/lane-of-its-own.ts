import { afterAll, beforeAll, beforeEach } from 'vitest'
import { startRedis, type TestRedis } from '../redis-server.ts'
import { LaneDriver } from './lane-driver.ts'

/** Gives the tests of a file a lane on a Redis of their own, empty before each of them. */
export function laneOfItsOwn(opened: (lane: LaneDriver, server: TestRedis) => void): void {
  let server: TestRedis
  let lane: LaneDriver
  beforeAll(async () => {
    server = await startRedis()
    lane = new LaneDriver(server.url)
    opened(lane, server)
  })
  beforeEach(() => lane.reset())
  afterAll(async () => {
    lane.close()
    await server.stop()
  })
}
