import { connect } from 'node:net'

const PATIENCE_MS = 1_000

/**
 * Asks a server one thing over its socket, in a connection of its own. Plain RESP: a client library would reconnect, queue and wait for
 * the server to be ready, and whether it is ready is the question here.
 *
 * @returns everything it answered, as it came; undefined: nobody answers
 */
export async function askServer(socket: string, command: string): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>()
  const connection = connect(socket)
  let answer = ''
  connection.setEncoding('utf8').setTimeout(PATIENCE_MS)
  connection.on('data', (piece) => {
    answer += piece
  })
  connection.once('timeout', () => connection.destroy())
  connection.once('error', () => {})
  connection.once('close', () => resolve(answer === '' ? undefined : answer))
  connection.write(`${command}\r\nQUIT\r\n`)
  return promise
}
