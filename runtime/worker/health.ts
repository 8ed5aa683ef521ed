/** Calls in a row that could not even begin, before a worker takes itself for sick. */
const MOST_IN_A_ROW = 5
/** Of so many functions at least: one alone may be broken itself. */
const LEAST_FUNCTIONS = 3

/** Whether this worker can still do its work: calls that the platform is to blame for, of several functions, with none between that went well. */
export class Health {
  readonly #functions = new Set<string>()
  #inARow = 0

  /** It began, however it ended. */
  began(): void {
    this.#inARow = 0
    this.#functions.clear()
  }

  couldNotBegin(functionKey: string): void {
    this.#inARow++
    this.#functions.add(functionKey)
  }

  get isSick(): boolean {
    return this.#inARow >= MOST_IN_A_ROW && this.#functions.size >= LEAST_FUNCTIONS
  }
}
