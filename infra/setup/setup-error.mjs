/** Something a person has to mend. The message is all there is to say: what is wrong and the ways out; a stack would only hide it. */
export class SetupError extends Error {}

/** Ctrl-C or a kill came while something was being installed: stop, and say nothing. */
export class Interrupted extends Error {
  /** @param {NodeJS.Signals} signal */
  constructor(signal) {
    super(`interrupted by ${signal}`)
    this.signal = signal
  }
}
