/** A small API: routes with parameters, in the style of Hono and other routers. */
type Handler = (request: Request, parameters: Record<string, string>) => Response | Promise<Response>

const routes: { method: string; pattern: URLParts; handler: Handler }[] = []
type URLParts = readonly string[]

function on(method: string, path: string, handler: Handler): void {
  routes.push({ method, pattern: path.split('/'), handler })
}

function match(pattern: URLParts, parts: URLParts): Record<string, string> | undefined {
  if (pattern.length !== parts.length) return undefined
  const parameters: Record<string, string> = {}
  for (const [i, part] of pattern.entries()) {
    const value = parts[i] as string
    if (part.startsWith(':')) parameters[part.slice(1)] = decodeURIComponent(value)
    else if (part !== value) return undefined
  }
  return parameters
}

on('GET', '/', () => Response.json({ routes: ['GET /books/:id', 'POST /books'] }))
on('GET', '/books/:id', (_request, { id }) => Response.json({ id, title: `Book ${id}` }))
on('POST', '/books', async (request) => {
  const book = (await request.json()) as { title?: unknown }
  if (typeof book.title !== 'string') return Response.json({ error: 'title must be a string' }, { status: 400 })
  return Response.json({ id: crypto.randomUUID(), title: book.title }, { status: 201 })
})

export default {
  async fetch(request: Request): Promise<Response> {
    const parts = new URL(request.url).pathname.split('/')
    for (const { method, pattern, handler } of routes) {
      const parameters = match(pattern, parts)
      if (parameters !== undefined && method === request.method) return await handler(request, parameters)
    }
    return Response.json({ error: 'no such route' }, { status: 404 })
  },
}
