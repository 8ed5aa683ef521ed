/**
 * uids of jailed children: above everything people and distributions hand out. One per live process, because it is
 * made from the pid.
 */
const UID_BASE = 2_000_000_000
/** Where user namespaces map only 65 536 ids (containers); unique among a container's processes for all practical counts. */
const NARROW_UID_BASE = 61_200
const NARROW_UIDS = 4_096

/** Gives up root for good. Returns the uid it runs under from now on. */
export function dropPrivileges(): number {
  const uid = process.getuid?.() ?? -1
  if (uid !== 0) return uid
  process.setgroups?.([])
  try {
    process.setgid?.(UID_BASE + process.pid)
    process.setuid?.(UID_BASE + process.pid)
  } catch {
    const narrow = NARROW_UID_BASE + (process.pid % NARROW_UIDS)
    process.setgid?.(narrow)
    process.setuid?.(narrow)
  }
  const now = process.getuid?.() ?? 0
  if (now === 0) throw new Error('Cannot drop privileges: still root after setuid')
  return now
}
