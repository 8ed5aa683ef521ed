import { type Body, streamOf } from './body.ts'
import { decompressed } from './compression.ts'
import type { HeaderList } from './header-list.ts'
import { append, type List, newList } from './list.ts'
import { stringIndexOf, stringSlice, stringToLowerCase, stringTrim } from './primordials.ts'

/** What a request says it takes, where its author says nothing. */
export const ACCEPT_ENCODING = 'gzip, deflate, br'

type Coding = 'gzip' | 'deflate' | 'br'

/**
 * A fetched body without its Content-Encoding. The fields that spoke of the encoded bytes are taken out of `list`, so that
 * the response may be handed on as it is. A coding that is not known leaves everything as it came.
 */
export function decodedBody(body: Body, list: HeaderList): Body {
  const codings = codingsOf(list.get('content-encoding') ?? '')
  if (codings === undefined || codings.length === 0) return body
  list.delete('content-encoding')
  list.delete('content-length')
  let stream = streamOf(body) as NonNullable<Body['stream']>
  // The last one was put on last.
  for (let at = codings.length - 1; at >= 0; at--) stream = decompressed(stream, codings[at] as Coding)
  return { source: undefined, stream, used: false }
}

function codingsOf(text: string): List<Coding> | undefined {
  const codings: List<Coding> = newList()
  for (let rest = text; rest !== ''; ) {
    const comma = stringIndexOf(rest, ',')
    const word = stringToLowerCase(stringTrim(comma === -1 ? rest : stringSlice(rest, 0, comma)))
    rest = comma === -1 ? '' : stringSlice(rest, comma + 1)
    if (word === '' || word === 'identity') continue
    if (word === 'gzip' || word === 'x-gzip') append(codings, 'gzip')
    else if (word === 'deflate' || word === 'br') append(codings, word)
    else return undefined
    // More than one is hardly ever meant, many are an attack.
    if (codings.length > 3) return undefined
  }
  return codings
}
