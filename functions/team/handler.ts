/** Calls other functions of its tenant, here `greet` with an event and `hello` as a request: `{"name":"you"}`. Deploy those two first. */
interface Env {
  invoke(name: string, event: unknown): Promise<unknown>
  readonly hello: { fetch(url: string): Promise<Response> }
}

export default async function team(event: { name?: string } | null, { env }: { env: Env }) {
  const name = event?.name ?? 'world'
  const [byEvent, byRequest] = await Promise.all([
    env.invoke('greet', { name }) as Promise<{ greeting: string }>,
    env.hello.fetch(`https://hello/?name=${encodeURIComponent(name)}`),
  ])
  return { greet: byEvent.greeting, hello: (await byRequest.text()).trim() }
}
