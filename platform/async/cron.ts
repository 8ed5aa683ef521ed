import { ScheduleError } from './schedule-error.ts'

interface Field {
  readonly name: string
  readonly min: number
  readonly max: number
  /** In order, from `min`. */
  readonly names?: readonly string[]
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']
const SUNDAY_AT_THE_END = 7

const FIELDS: readonly Field[] = [
  { name: 'second', min: 0, max: 59 },
  { name: 'minute', min: 0, max: 59 },
  { name: 'hour', min: 0, max: 23 },
  { name: 'day of the month', min: 1, max: 31 },
  { name: 'month', min: 1, max: 12, names: MONTHS },
  { name: 'day of the week', min: 0, max: SUNDAY_AT_THE_END, names: DAYS },
]

const NICKNAMES: Readonly<Record<string, string>> = {
  '@hourly': '0 * * * *',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@weekly': '0 0 * * 0',
  '@monthly': '0 0 1 * *',
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
}

const MAX_CHARS = 200
const WANTED = `five fields (minute, hour, day of the month, month, day of the week), six with seconds first, or one of ${Object.keys(NICKNAMES).join(', ')}`

/**
 * Reads a cron text and writes it in numbers: `0 9 * * mon-fri` is `0 9 * * 1-5`. As in crontab(5), days of the month and of the
 * week that are both given are alternatives, and 0 and 7 are Sunday.
 *
 * @throws ScheduleError naming the field of the five or six that is wrong, and what it may be
 */
export function parseCron(text: unknown): string {
  if (typeof text !== 'string' || text.length > MAX_CHARS) throw new ScheduleError('cron', WANTED, text)
  const words = text.trim().toLowerCase().split(/\s+/)
  const nickname = words.length === 1 ? NICKNAMES[words[0] as string] : undefined
  if (nickname !== undefined) return nickname
  if (words.length !== 5 && words.length !== 6) throw new ScheduleError('cron', WANTED, text)
  const fields = FIELDS.slice(FIELDS.length - words.length)
  return words.map((word, at) => parseField(word, fields[at] as Field)).join(' ')
}

function parseField(word: string, field: Field): string {
  return word
    .split(',')
    .map((item) => parseItem(item, word, field))
    .join(',')
}

function parseItem(item: string, word: string, field: Field): string {
  const [, all, first, last, step] = /^(?:(\*)|([a-z]+|\d+)(?:-([a-z]+|\d+))?)(?:\/(\d+))?$/.exec(item) ?? []
  if (all === undefined && first === undefined) throw wrong(word, field)
  const from = first === undefined ? undefined : numberOf(first, word, field)
  const to = last === undefined ? undefined : endOf(last, word, field)
  if (from !== undefined && to !== undefined && from > to) throw wrong(word, field, `a range that goes up`)
  if (step !== undefined && !(Number(step) >= 1 && Number(step) <= field.max)) throw wrong(word, field, `a step from 1 to ${field.max}`)
  return `${from ?? '*'}${to === undefined ? '' : `-${to}`}${step === undefined ? '' : `/${Number(step)}`}`
}

function numberOf(text: string, word: string, field: Field): number {
  const named = field.names?.indexOf(text) ?? -1
  const value = named === -1 ? Number(text) : field.min + named
  if (!(value >= field.min && value <= field.max)) throw wrong(word, field)
  return value
}

/** `fri-sun` ends with the Sunday after. */
function endOf(text: string, word: string, field: Field): number {
  const value = numberOf(text, word, field)
  return field.names === DAYS && value === 0 ? SUNDAY_AT_THE_END : value
}

function wrong(word: string, { name, min, max, names }: Field, what?: string): ScheduleError {
  const numbers = `${min} to ${max}${names === undefined ? '' : ` or ${names[0]} to ${names.at(-1)}`}`
  return new ScheduleError('cron', `in its ${name} ${what ?? `"*", ${numbers}, ranges (a-b), lists (a,b) and steps (*/n)`}`, word)
}
