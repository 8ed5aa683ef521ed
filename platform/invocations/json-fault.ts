/** What is wrong with an event; undefined: nothing. No bytes are no event. */
export function jsonFault(body: Buffer): string | undefined {
  if (body.length === 0) return undefined
  try {
    JSON.parse(body.toString('utf8'))
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}
