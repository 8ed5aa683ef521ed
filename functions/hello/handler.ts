/** The smallest useful function: a request comes in, a response goes out. */
export default {
  fetch(request: Request): Response {
    const name = new URL(request.url).searchParams.get('name') ?? 'world'
    return new Response(`hello, ${name}\n`)
  },
}
