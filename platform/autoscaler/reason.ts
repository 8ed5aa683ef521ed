import type { Decision } from './decision.ts'
import type { Terms } from './need.ts'

interface Facts {
  readonly current: number
  /** By the terms, and the minimum. */
  readonly needed: number
  readonly starved: boolean
  /** Requests in the queue. */
  readonly waiting: number
}

/** One plain sentence: what was done, and which term or limit made it so. */
export function reasonFor(decision: Omit<Decision, 'reason'>, facts: Facts): string {
  const { target, start, drain, limits } = decision
  if (start > 0)
    return `Start ${start}: ${whyUp(decision, facts)}, ${there(facts.current)}${limits.includes('max') ? `, ${target} is the maximum` : ''}.`
  if (drain > 0) return `Drain ${drain}: ${whyDown(decision, facts)}, ${there(facts.current)}.`
  if (limits.includes('max')) return `Keep ${target}: ${facts.needed} would be needed, ${target} is the maximum.`
  if (limits.includes('work-waits')) return `Keep ${target}: ${facts.needed} would do, but ${count(facts.waiting, 'request')} still waiting.`
  if (limits.includes('hold-down')) return `Keep ${target}: ${facts.needed} would do now, more were needed a short while ago.`
  if (limits.includes('step-pause')) return `Keep ${target}: ${facts.needed} would do, the last step down was a moment ago.`
  if (limits.includes('tolerance')) return `Keep ${target}: ${facts.needed} would do, which is too small a difference to act on.`
  return `Keep ${target}: ${limits.includes('min') ? `the minimum` : 'that is what is needed'}.`
}

function whyUp({ limits, terms }: Omit<Decision, 'reason'>, facts: Facts): string {
  if (limits.includes('min')) return 'the minimum is not there'
  const [name, larger] = dominant(terms)
  if (facts.starved) return `${count(facts.waiting, 'request')} waiting for ${name}, which needs ${facts.needed}`
  if (larger.need === 0) return `work came, which needs ${facts.needed}`
  const span = larger.stable > larger.fast ? 'last minute' : 'last seconds'
  return `${name} booked over the ${span} needs ${facts.needed}`
}

function whyDown({ target, limits }: Omit<Decision, 'reason'>, facts: Facts): string {
  if (target === 0) return 'nothing has come for a while'
  if (limits.includes('step-down')) return `${facts.needed} would do, and a step down takes at most a quarter`
  if (limits.includes('hold-down')) return `${target} is the most that was needed lately`
  if (limits.includes('min')) return 'the minimum is enough'
  if (limits.includes('max')) return `${target} is the maximum`
  return `${target} is enough`
}

function dominant({ memory, cpu }: Decision['terms']): [name: string, terms: Terms] {
  return memory.need > cpu.need ? ['memory', memory] : ['CPU', cpu]
}

function there(current: number): string {
  return current === 1 ? '1 is there' : `${current} are there`
}

function count(n: number, thing: string): string {
  return n === 1 ? `1 ${thing} is` : `${n} ${thing}s are`
}
