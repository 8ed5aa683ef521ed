/** The platform cannot start until a person mends something. The message says what is wrong and the ways out; print it alone, a stack would hide it. */
export class StartError extends Error {
  override readonly name = 'StartError'
}
