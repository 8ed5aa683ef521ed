/** An event in, JSON out: call it with `POST /v1/functions/greet/invocations`. */
interface Greeting {
  readonly name?: string
}

export default async function greet(event: Greeting | null, context: { invocationId: string }) {
  return { greeting: `hello, ${event?.name ?? 'world'}`, invocation: context.invocationId }
}
