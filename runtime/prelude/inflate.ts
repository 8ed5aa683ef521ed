// RFC 1951. For tables of our own, which are known to be well formed: nothing is checked.
const LENGTH_BASE = [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258]
const LENGTH_BITS = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0]
const DISTANCE_BASE = [
  1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577,
]
const CODE_LENGTH_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]
const END_OF_BLOCK = 256
const MAX_CODE_BITS = 15

/** A canonical Huffman code: how many codes there are of each length, and the symbols in the order of their codes. */
interface Code {
  readonly counts: Uint16Array
  readonly symbols: Uint16Array
}

/** Text whose characters (Latin-1) are the bytes of a raw deflate stream of ASCII text, as that text. */
export function inflateText(packed: string): string {
  const output: number[] = []
  let position = 0
  let bitBuffer = 0
  let bitCount = 0
  const bits = (count: number): number => {
    while (bitCount < count) {
      bitBuffer |= packed.charCodeAt(position++) << bitCount
      bitCount += 8
    }
    const value = bitBuffer & ((1 << count) - 1)
    bitBuffer >>>= count
    bitCount -= count
    return value
  }
  const symbol = ({ counts, symbols }: Code): number => {
    let code = 0
    let first = 0
    let index = 0
    for (let length = 1; ; length++) {
      code |= bits(1)
      const count = counts[length] as number
      if (code - count < first) return symbols[index + code - first] as number
      index += count
      first = (first + count) << 1
      code <<= 1
    }
  }
  for (let isLast = false; !isLast; ) {
    isLast = bits(1) === 1
    const kind = bits(2)
    if (kind === 0) {
      bitBuffer = 0
      bitCount = 0
      const length = packed.charCodeAt(position) | (packed.charCodeAt(position + 1) << 8)
      position += 4
      for (let end = position + length; position < end; ) output.push(packed.charCodeAt(position++))
      continue
    }
    const { literals, distances } = kind === 1 ? fixedCodes() : readCodes(bits, symbol)
    for (let one = symbol(literals); one !== END_OF_BLOCK; one = symbol(literals)) {
      if (one < END_OF_BLOCK) {
        output.push(one)
        continue
      }
      const at = one - END_OF_BLOCK - 1
      const length = (LENGTH_BASE[at] as number) + bits(LENGTH_BITS[at] as number)
      const far = symbol(distances)
      const distance = (DISTANCE_BASE[far] as number) + bits(far < 2 ? 0 : (far >> 1) - 1)
      for (let copied = 0; copied < length; copied++) output.push(output[output.length - distance] as number)
    }
  }
  let text = ''
  for (let from = 0; from < output.length; from += 4096) text += String.fromCharCode(...output.slice(from, from + 4096))
  return text
}

function fixedCodes(): { literals: Code; distances: Code } {
  const lengths = Array.from({ length: 288 }, (_, at) => (at < 144 ? 8 : at < 256 ? 9 : at < 280 ? 7 : 8))
  return { literals: codeOf(lengths), distances: codeOf(Array.from({ length: 30 }, () => 5)) }
}

function readCodes(bits: (count: number) => number, symbol: (code: Code) => number): { literals: Code; distances: Code } {
  const literalCount = bits(5) + 257
  const distanceCount = bits(5) + 1
  const ordered = new Array<number>(19).fill(0)
  for (let left = bits(4) + 4, at = 0; at < left; at++) ordered[CODE_LENGTH_ORDER[at] as number] = bits(3)
  const lengthCode = codeOf(ordered)
  const lengths: number[] = []
  while (lengths.length < literalCount + distanceCount) {
    const one = symbol(lengthCode)
    if (one < 16) lengths.push(one)
    else {
      const value = one === 16 ? (lengths.at(-1) as number) : 0
      for (let left = one === 16 ? bits(2) + 3 : one === 17 ? bits(3) + 3 : bits(7) + 11; left > 0; left--) lengths.push(value)
    }
  }
  return { literals: codeOf(lengths.slice(0, literalCount)), distances: codeOf(lengths.slice(literalCount)) }
}

function codeOf(lengths: readonly number[]): Code {
  const counts = new Uint16Array(MAX_CODE_BITS + 1)
  for (const length of lengths) counts[length] = (counts[length] as number) + 1
  counts[0] = 0
  const next = new Uint16Array(MAX_CODE_BITS + 2)
  for (let length = 1; length <= MAX_CODE_BITS; length++) next[length + 1] = (next[length] as number) + (counts[length] as number)
  const symbols = new Uint16Array(lengths.length)
  lengths.forEach((length, symbol) => {
    if (length === 0) return
    symbols[next[length] as number] = symbol
    next[length] = (next[length] as number) + 1
  })
  return { counts, symbols }
}
