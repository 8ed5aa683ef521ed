/** Gives back what came: method, path, headers and body. */
export default {
  async fetch(request: Request): Promise<Response> {
    const { pathname, search } = new URL(request.url)
    const headers = new Headers({ 'content-type': request.headers.get('content-type') ?? 'application/octet-stream' })
    headers.set('x-echo', `${request.method} ${pathname}${search}`)
    return new Response(request.body, { headers })
  },
}
