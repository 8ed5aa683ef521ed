/**
 * Sends at the times it meant to, whether or not earlier calls are back: a slow lane does not slow its load down, and what
 * it holds up counts (no coordinated omission). Resolves when everything sent is answered.
 */
export async function openLoop<T>({ forMs, nextGapMs, send }: { forMs: number; nextGapMs: () => number; send: (intendedMs: number) => Promise<T> }) {
  const startedAt = performance.now()
  const sent: Promise<T>[] = []
  for (let intended = startedAt + nextGapMs(); intended < startedAt + forMs; intended += nextGapMs()) {
    const early = intended - performance.now()
    if (early > 0) await new Promise((resolve) => setTimeout(resolve, early))
    sent.push(send(intended))
  }
  return await Promise.all(sent)
}

/** Keeps `outstanding` calls under way until the signal aborts, then waits for the last of them. */
export async function closedLoop(outstanding: number, signal: AbortSignal, send: (caller: number) => Promise<unknown>): Promise<void> {
  const callers = Array.from({ length: outstanding }, async (_, caller) => {
    while (!signal.aborted) await send(caller)
  })
  await Promise.all(callers)
}

/** Runs `load` beside `body`, and ends it when `body` is done. */
export async function during<T>(load: (signal: AbortSignal) => Promise<void>, body: () => Promise<T>): Promise<T> {
  const stop = new AbortController()
  const loaded = load(stop.signal)
  try {
    return await body()
  } finally {
    stop.abort()
    await loaded
  }
}

export async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms))
}
