/** A local call that ends with an error for the author, named as the Web's APIs name them. */
export class Refusal extends Error {
  constructor(name: string, message: string) {
    super(message)
    this.name = name
  }
}

const LONGEST_MESSAGE = 300

/** What an error may say to a guest: name and message of those that are part of an API, nothing of any other. */
export function refusalOf(error: unknown): { readonly name: string; readonly message: string } {
  if (error instanceof Refusal || error instanceof DOMException || error instanceof TypeError) {
    const { name } = error instanceof TypeError ? { name: 'TypeError' } : error
    return { name, message: error.message.slice(0, LONGEST_MESSAGE) }
  }
  return { name: 'OperationError', message: 'The operation failed' }
}
