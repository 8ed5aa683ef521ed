/** Functions, stream and set commands of the lane's scripts need it. */
export const OLDEST_REDIS_MAJOR = 7

/**
 * Reads what a server prints for `--version`: `Redis server v=7.0.15 sha=…`, `Valkey server v=8.1.1 sha=…`.
 *
 * @param {string} text
 * @returns {{ name: 'Redis' | 'Valkey', version: string, major: number } | undefined} undefined: some other program
 */
export function parseServerVersion(text) {
  const found = /^(Redis|Valkey) server v=((\d+)\.\d+\.\d+\S*)/m.exec(text)
  if (found === null) return undefined
  const [, name, version, major] = found
  return { name: name === 'Valkey' ? 'Valkey' : 'Redis', version: String(version), major: Number(major) }
}
