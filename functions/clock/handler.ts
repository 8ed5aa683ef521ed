/** Streams its answer: a server-sent event per tick, until it has made them all or its caller leaves. `?ticks=3&ms=1000` */
export default {
  fetch(request: Request): Response {
    const { searchParams } = new URL(request.url)
    const ticks = Number(searchParams.get('ticks') ?? 3)
    const ms = Number(searchParams.get('ms') ?? 1_000)
    const lines = tell(ticks, ms, request.signal)
    const body = ReadableStream.from(lines).pipeThrough(new TextEncoderStream())
    return new Response(body, { headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store' } })
  },
}

async function* tell(ticks: number, ms: number, signal: AbortSignal): AsyncGenerator<string> {
  for (let tick = 1; tick <= ticks && !signal.aborted; tick++) {
    yield `event: tick\nid: ${tick}\ndata: ${new Date().toISOString()}\n\n`
    if (tick < ticks) await new Promise((resolve) => setTimeout(resolve, ms))
  }
}
