/** What IDNA makes of a code point: kept, refused, dropped, or replaced by this text. */
export type Treatment = 'valid' | 'disallowed' | 'ignored' | { readonly text: string }

const CHANGES = /\p{CWKCF}/u
const NEVER = /[\p{Cn}\p{Cc}\p{Co}\p{Cs}]/u
const IGNORABLE = /\p{DI}/gu

/**
 * What the engine's own Unicode data lets one expect: the mapping of UTS #46 is, but for a few hundred code points,
 * NFKC case folding. Both sides of the table use it: the one that packs what differs, and the one that reads that.
 */
export function guessTreatment(character: string): Treatment {
  if (CHANGES.test(character)) {
    const text = foldCase(foldCase(character)).replace(IGNORABLE, '')
    return text === '' ? 'ignored' : { text }
  }
  return NEVER.test(character) ? 'disallowed' : 'valid'
}

function foldCase(text: string): string {
  return text.normalize('NFKC').toUpperCase().toLowerCase().normalize('NFKC')
}
