/**
 * Runs by itself: its schedule calls `scheduled`, which notes when it was due and how late it was; the URL shows the last time.
 * `curl … -d '{"name":"heartbeat","function":"heartbeat","every":"10s"}' …/v1/schedules`
 */
interface Env {
  readonly KV: {
    get(key: string, type: 'json'): Promise<Beat | null>
    put(key: string, value: string): Promise<void>
  }
}
interface Beat {
  readonly schedule: string
  readonly due: string
  readonly lateMs: number
}
interface ScheduledEvent {
  readonly schedule: string
  /** Milliseconds since 1970. */
  readonly scheduledTime: number
}

export default {
  async scheduled({ schedule, scheduledTime }: ScheduledEvent, env: Env): Promise<Beat> {
    const beat = { schedule, due: new Date(scheduledTime).toISOString(), lateMs: Date.now() - scheduledTime }
    await env.KV.put('last', JSON.stringify(beat))
    return beat
  },
  async fetch(_request: Request, env: Env): Promise<Response> {
    return Response.json(await env.KV.get('last', 'json'))
  },
}
