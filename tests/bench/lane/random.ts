/** Numbers in [0, 1), the same for the same seed. */
export type Random = () => number

/** mulberry32 (Tommy Ettinger, public domain): 32 bits of state are plenty to choose arrivals by. */
export function seeded(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Gaps between the arrivals of a Poisson process. */
export function exponential(random: Random, mean: number): number {
  return -mean * Math.log(1 - random())
}

/** Indices below `count`, the k-th with a probability in proportion to 1 / (k + 1)^exponent. */
export function zipf(random: Random, count: number, exponent: number): () => number {
  const cumulative: number[] = []
  let total = 0
  for (let k = 1; k <= count; k++) {
    total += k ** -exponent
    cumulative.push(total)
  }
  return () => {
    const drawn = random() * total
    let [low, high] = [0, count - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((cumulative[middle] as number) <= drawn) low = middle + 1
      else high = middle
    }
    return low
  }
}
