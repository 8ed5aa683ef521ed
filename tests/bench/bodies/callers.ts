import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'

export interface Door {
  readonly url: string
  readonly key: string
}

const MIB = 1_048_576
const PIECE = Buffer.alloc(64 * 1024, 'x')

/** Sends a body and takes the answer; how long until its last byte, in ms. */
export async function echo({ url, key }: Door, body: Buffer): Promise<number> {
  const startedAt = performance.now()
  const sent = request(url, { method: 'POST', agent: false, headers: { authorization: `Bearer ${key}`, 'content-length': body.length } })
  const answered = once(sent, 'response') as Promise<[IncomingMessage]>
  sent.end(body)
  const [answer] = await answered
  let bytes = 0
  for await (const piece of answer as AsyncIterable<Buffer>) bytes += piece.length
  if (answer.statusCode !== 200 || bytes !== body.length) throw new Error(`The echo of ${body.length} bytes: ${answer.statusCode}, ${bytes} bytes`)
  return performance.now() - startedAt
}

/** Reads an answer of `bytes` at a pace; stands still at its beginning and whenever it has read so much more. */
export async function readSlowly(
  { url, key }: Door,
  { bytes, mibPerSecond, stillMs, stillEveryMib }: { bytes: number; mibPerSecond: number; stillMs: number; stillEveryMib: number },
): Promise<void> {
  const sent = request(url, { agent: false, headers: { authorization: `Bearer ${key}` } })
  const answered = once(sent, 'response') as Promise<[IncomingMessage]>
  sent.end()
  const [answer] = await answered
  if (answer.statusCode !== 200) throw new Error(`The stream: ${answer.statusCode}`)
  let read = 0
  let nextStillAt = 0
  let paced = { bytes: 0, from: performance.now() }
  for await (const piece of answer as AsyncIterable<Buffer>) {
    if (read >= nextStillAt) {
      await pause(stillMs)
      nextStillAt += stillEveryMib * MIB
      paced = { bytes: 0, from: performance.now() }
    }
    read += piece.length
    paced.bytes += piece.length
    const aheadMs = (paced.bytes / MIB / mibPerSecond) * 1_000 - (performance.now() - paced.from)
    if (aheadMs > 10) await pause(aheadMs)
  }
  if (read !== bytes) throw new Error(`The stream of ${bytes} bytes ended after ${read}`)
}

/** Sends `bytes`, a multiple of 64 KiB, as fast as they are taken; gives the answer's text. */
export async function upload({ url, key }: Door, bytes: number): Promise<string> {
  const sent = request(url, { method: 'POST', agent: false, headers: { authorization: `Bearer ${key}`, 'content-length': bytes } })
  const answered = once(sent, 'response') as Promise<[IncomingMessage]>
  for (let at = 0; at < bytes; at += PIECE.length) if (!sent.write(PIECE)) await once(sent, 'drain')
  sent.end()
  const [answer] = await answered
  let text = ''
  for await (const piece of answer.setEncoding('utf8')) text += piece
  if (answer.statusCode !== 200) throw new Error(`The upload: ${answer.statusCode} ${text}`)
  return text
}
