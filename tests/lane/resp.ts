const NEWLINE = Buffer.from('\r\n')

/** Where the Redis protocol's value that begins at `at` ends (commands are values too); undefined while it is not all there. */
export function endOfValue(bytes: Buffer, at = 0): number | undefined {
  const newline = bytes.indexOf(NEWLINE, at)
  if (newline === -1) return undefined
  const afterLine = newline + NEWLINE.length
  const kind = String.fromCharCode(bytes[at] as number)
  const length = Number(bytes.toString('latin1', at + 1, newline))
  switch (kind) {
    case '$':
    case '!':
    case '=': {
      const end = length < 0 ? afterLine : afterLine + length + NEWLINE.length
      return end <= bytes.length ? end : undefined
    }
    case '*':
    case '~':
    case '>':
      return endOfValues(bytes, afterLine, length)
    case '%':
      return endOfValues(bytes, afterLine, 2 * length)
    case '|':
      return endOfValues(bytes, afterLine, 2 * length + 1)
    default:
      return afterLine
  }
}

function endOfValues(bytes: Buffer, from: number, count: number): number | undefined {
  let at: number | undefined = from
  for (let i = 0; i < count && at !== undefined; i++) at = endOfValue(bytes, at)
  return at
}

/** The words of a command, as it was sent. */
export function wordsOf(command: Buffer): Buffer[] {
  const words: Buffer[] = []
  for (let at = command.indexOf(NEWLINE) + NEWLINE.length; at < command.length; ) {
    const newline = command.indexOf(NEWLINE, at)
    const start = newline + NEWLINE.length
    const end = start + Number(command.toString('latin1', at + 1, newline))
    words.push(command.subarray(start, end))
    at = end + NEWLINE.length
  }
  return words
}
