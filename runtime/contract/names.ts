/** Tenant, function and alias names: lower case, so that they are safe in URLs, host names, Redis keys and file names alike. */
const NAME = /^[a-z][a-z0-9-]{0,62}$/

export const NAME_RULE = 'a lower-case letter followed by up to 62 of a-z, 0-9 and "-"'

export function isName(value: unknown): value is string {
  return typeof value === 'string' && NAME.test(value)
}

/** `tenant/function`: how the lane, the store and usage records name a function. */
export function functionKey(tenant: string, name: string): string {
  return `${tenant}/${name}`
}
