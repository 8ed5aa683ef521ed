/** Works without waiting: counts the primes below `limit`. A large one runs into the CPU quota. */
export default function primes(event: { limit?: number } | null) {
  const limit = event?.limit ?? 10_000
  let count = 0
  for (let n = 2; n < limit; n++) if (isPrime(n)) count++
  return { limit, primes: count }
}

function isPrime(n: number): boolean {
  for (let d = 2; d * d <= n; d++) if (n % d === 0) return false
  return true
}
