/**
 * Fetches from the outside and streams what comes: `?url=https://example.com/`. Private networks are out of reach unless
 * ISOLANE_EGRESS_ALLOW opens them. Keep it private: whoever may call it, fetches in your name.
 */
export default {
  async fetch(request: Request): Promise<Response> {
    const url = new URL(request.url).searchParams.get('url')
    if (url === null || !URL.canParse(url))
      return Response.json({ error: 'url: wanted an absolute URL, as in ?url=https://example.com/' }, { status: 400 })
    try {
      const answer = await fetch(url, { headers: { accept: request.headers.get('accept') ?? '*/*' }, signal: request.signal })
      return new Response(answer.body, { status: answer.status, headers: { 'content-type': answer.headers.get('content-type') ?? 'text/plain' } })
    } catch (error) {
      return Response.json({ error: `Cannot fetch ${url}: ${(error as Error).message}` }, { status: 502 })
    }
  },
}
