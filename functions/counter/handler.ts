/** Remembers: counts the calls of each path in KV. Two calls at the same instant may count as one: KV has no increments. */
interface Env {
  readonly KV: {
    get(key: string, type: 'json'): Promise<number | null>
    put(key: string, value: string, options?: { expirationTtl?: number }): Promise<void>
  }
}

const A_DAY_IN_SECONDS = 86_400

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const { pathname } = new URL(request.url)
    const calls = ((await env.KV.get(`calls:${pathname}`, 'json')) ?? 0) + 1
    await env.KV.put(`calls:${pathname}`, JSON.stringify(calls), { expirationTtl: A_DAY_IN_SECONDS })
    return Response.json({ path: pathname, calls })
  },
}
