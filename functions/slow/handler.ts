/** Waits without working: `?ms=250`. Waiting takes no CPU, and one sandbox carries many such calls at once. */
export default {
  async fetch(request: Request): Promise<Response> {
    const ms = Number(new URL(request.url).searchParams.get('ms') ?? 250)
    await new Promise((resolve) => setTimeout(resolve, ms))
    return new Response(`waited ${ms} ms\n`)
  },
}
