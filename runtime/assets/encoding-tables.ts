import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { deflateRawSync } from 'node:zlib'
import type { Plugin } from 'esbuild'

const PLACEHOLDER = 'isolane:encoding-tables'

/**
 * The tables of the multi-byte legacy encodings, which are most of @exodus/bytes: half as large when deflated, and
 * inflated (prelude/inflate.ts) when the first of those encodings is used. In the bundle stands a placeholder, because
 * esbuild would write every byte outside ASCII as an escape of four.
 */
export function packedEncodingTables(preludeFolder: string): Plugin {
  return {
    name: 'packed-encoding-tables',
    setup({ onLoad }) {
      onLoad({ filter: /[\\/]multi-byte\.encodings\.cjs$/ }, () => ({
        contents: `import { inflateText } from './inflate.ts'\nexport default () => JSON.parse(inflateText('${PLACEHOLDER}'))`,
        loader: 'js',
        resolveDir: preludeFolder,
      }))
    },
  }
}

/** Puts the tables in the placeholder's place. Every character of the result is Latin-1, so the script stays at one byte for each. */
export function insertEncodingTables(script: string, packageFolder: string): string {
  const tables = JSON.stringify(JSON.parse(readFileSync(join(packageFolder, 'fallback/multi-byte.encodings.json'), 'utf8')))
  const literal = latin1Literal(deflateRawSync(tables, { level: 9 }))
  const parts = script.split(JSON.stringify(PLACEHOLDER))
  if (parts.length !== 2) throw new Error(`Cannot insert the encoding tables: their place is there ${parts.length - 1} times, wanted once`)
  return parts.join(literal)
}

function latin1Literal(bytes: Uint8Array): string {
  let literal = '"'
  for (const byte of bytes) {
    const isLineEnd = byte === 10 || byte === 13
    if (byte === 0 || isLineEnd) literal += `\\x0${byte.toString(16)}`
    else literal += byte === 0x22 || byte === 0x5c ? `\\${String.fromCharCode(byte)}` : String.fromCharCode(byte)
  }
  return `${literal}"`
}
