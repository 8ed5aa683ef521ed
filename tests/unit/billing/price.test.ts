import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Billable, DEFAULT_PRICE_BOOK, dollars, type PriceBook, picoGbSeconds, priceOf } from '../../../platform/billing/price.ts'

const use = (changes: Partial<Billable> = {}): Billable => ({
  outcome: 'returned',
  billedMs: 1_000,
  memoryMb: 1_024,
  concurrency: 1,
  cpuMs: 0,
  ...changes,
})

/** Exact fractions, kept naively: nothing here is shared with the code under test. */
class Fraction {
  readonly top: bigint
  readonly bottom: bigint
  constructor(top: bigint, bottom = 1n) {
    this.top = top
    this.bottom = bottom
  }
  plus(other: Fraction): Fraction {
    return new Fraction(this.top * other.bottom + other.top * this.bottom, this.bottom * other.bottom)
  }
  times(top: bigint, bottom = 1n): Fraction {
    return new Fraction(this.top * top, this.bottom * bottom)
  }
}

function exactPrice(book: PriceBook, { memoryMb, concurrency, billedMs, cpuMs }: Billable): Fraction {
  const memory = new Fraction(book.perGbSecond).times(BigInt(memoryMb), 1_024n).times(1n, BigInt(concurrency)).times(BigInt(billedMs), 1_000n)
  const cpu = new Fraction(book.perCpuMs).times(BigInt(Math.round(cpuMs * 1_000)), 1_000n)
  return new Fraction(book.perRequest).plus(memory).plus(cpu)
}

const books = fc.record({
  id: fc.constant('any'),
  perRequest: fc.bigInt(0n, 10n ** 15n),
  perGbSecond: fc.bigInt(0n, 10n ** 15n),
  perCpuMs: fc.bigInt(0n, 10n ** 12n),
})
const uses = fc.record({
  outcome: fc.constantFrom<Billable['outcome']>('returned', 'threw', 'exceeded', 'cancelled'),
  billedMs: fc.integer({ min: 1, max: 3_600_000 }),
  memoryMb: fc.integer({ min: 1, max: 65_536 }),
  concurrency: fc.integer({ min: 1, max: 1_000 }),
  cpuMs: fc.integer({ min: 0, max: 10 ** 9 }).map((us) => us / 1_000),
})

describe('the price of one record', () => {
  test('a GB-second by the default book costs what Lambda charges for it', () => {
    expect(priceOf(DEFAULT_PRICE_BOOK, use())).toBe(200_000n + 16_666_700n)
  })

  test('a million requests of one 128 MB millisecond cost 20 cents and the memory', () => {
    const one = priceOf(DEFAULT_PRICE_BOOK, use({ billedMs: 1, memoryMb: 128 }))
    expect(one).toBe(202_083n) // 200000 + 2083.3375
    expect(dollars(one * 1_000_000n)).toBe('0.202083')
  })

  test('it is the exact rational price, rounded once, half up', () => {
    fc.assert(
      fc.property(books, uses, (book, used) => {
        const { top, bottom } = exactPrice(book, used)
        const price = priceOf(book, used)
        // price − ½ ≤ exact < price + ½
        expect((2n * price - 1n) * bottom <= 2n * top).toBe(true)
        expect(2n * top < (2n * price + 1n) * bottom).toBe(true)
      }),
    )
  })

  test('exactly half a pico-dollar is rounded up', () => {
    const book = { id: 'half', perRequest: 0n, perGbSecond: 1n, perCpuMs: 0n }
    expect(priceOf(book, use({ billedMs: 500 }))).toBe(1n)
    expect(priceOf(book, use({ billedMs: 499 }))).toBe(0n)
  })

  test('it never falls when more is used', () => {
    fc.assert(
      fc.property(books, uses, fc.integer({ min: 0, max: 1_000 }), (book, used, more) => {
        const longer = { ...used, billedMs: used.billedMs + more, cpuMs: used.cpuMs + more }
        expect(priceOf(book, longer) >= priceOf(book, used)).toBe(true)
      }),
    )
  })

  test('what the platform is to blame for is free, the request included', () => {
    expect(priceOf(DEFAULT_PRICE_BOOK, use({ outcome: 'lost', billedMs: 7 }))).toBe(0n)
    expect(priceOf(DEFAULT_PRICE_BOOK, use({ outcome: 'expired', billedMs: 0 }))).toBe(0n)
    expect(picoGbSeconds(use({ outcome: 'lost', billedMs: 7 }))).toBe(0n)
  })

  test('a call cancelled before it ran is free', () => {
    expect(priceOf(DEFAULT_PRICE_BOOK, use({ outcome: 'cancelled', billedMs: 0 }))).toBe(0n)
  })

  test('riders of one sandbox share its memory price', () => {
    const book = { ...DEFAULT_PRICE_BOOK, perRequest: 0n }
    expect(priceOf(book, use({ concurrency: 100 }))).toBe(166_667n)
    expect(picoGbSeconds(use({ concurrency: 16 }))).toBe(62_500_000_000n)
  })
})

describe('dollars', () => {
  test.each([
    [0n, '0.00'],
    [200_000n, '0.0000002'],
    [1n, '0.000000000001'],
    [5_000_000_000_000n, '5.00'],
    [12_340_000_000_000_000n, '12340.00'],
    [1_500_000_000_000n, '1.50'],
  ])('%s pico-dollars are $%s', (pico, text) => expect(dollars(pico)).toBe(text))
})
