import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { startPlatform } from '../../platform.ts'
import { type Door, echo, upload } from './callers.ts'
import { MemoryWatch } from './memory-watch.ts'
import { Neighbour } from './neighbour.ts'

/** A new platform with one worker, functions for large bodies, and a neighbour on the same worker; nothing large has passed yet. */
export interface Rig extends AsyncDisposable {
  readonly memory: MemoryWatch
  readonly neighbour: Neighbour
  door(name: string): Door
}

const MIB = 1_048_576
const SETTLED_MS = 2_000
const LONG = 'timeoutMs=120000'

function functions(streamBytes: number): Readonly<Record<string, string>> {
  return {
    echo: `export default { async fetch(request) { return new Response(await request.arrayBuffer()) } }`,
    fountain: `export default { fetch() {
      let left = ${streamBytes / 65_536}
      return new Response(new ReadableStream({ pull(c) { if (left-- > 0) c.enqueue(new Uint8Array(65536)); else c.close() } }))
    } }`,
    // A MiB at a time, and then 50 ms of nothing: 20 MiB/s at most.
    sink: `export default { async fetch(request) {
      let bytes = 0, next = ${MIB}
      for await (const piece of request.body) {
        bytes += piece.length
        if (bytes >= next) { next += ${MIB}; await new Promise((resolve) => setTimeout(resolve, 50)) }
      }
      return new Response(String(bytes))
    } }`,
  }
}

export async function openRig(streamBytes: number): Promise<Rig> {
  await using releases = new AsyncDisposableStack()
  const platform = releases.use(await startPlatform({ env: { ISOLANE_MIN_WORKERS: '1', ISOLANE_MAX_WORKERS: '1' } }))
  for (const [name, source] of Object.entries(functions(streamBytes))) await platform.deploy(name, source, LONG)
  const door = (name: string): Door => ({ url: `${platform.url}/fn/default/${name}`, key: platform.key })

  await platform.json('/v1/tenants', { method: 'POST', body: '{"name":"neighbour"}' })
  const rights = '{"tenant":"neighbour","scopes":["deploy","invoke"]}'
  const { key } = await platform.json<{ key: string }>('/v1/keys', { method: 'POST', body: rights })
  const hello = `export default { fetch: () => new Response('hello') }`
  await platform.fetch('/v1/functions/hello', { method: 'PUT', body: hello, headers: { authorization: `Bearer ${key}` } })

  const [worker] = await platform.workers()
  const folder = join(platform.dataDir, 'redis')
  const sockets = readdirSync(folder).filter((name) => name.endsWith('.sock'))
  const memory = releases.use(
    new MemoryWatch({ gateway: platform.pid, worker: worker?.pid as number, sockets: sockets.map((name) => join(folder, name)) }),
  )
  const neighbour = releases.use(new Neighbour(`${platform.url}/fn/neighbour/hello`, key))
  await echo(door('echo'), Buffer.alloc(MIB))
  await upload(door('sink'), MIB)
  await new Promise((resolve) => setTimeout(resolve, SETTLED_MS))
  await memory.begin()
  const opened = releases.move()
  return { memory, neighbour, door, [Symbol.asyncDispose]: () => opened.disposeAsync() }
}
