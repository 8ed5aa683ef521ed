/** A cron text as numbers, each list in ascending order. */
export interface CronFields {
  readonly seconds: readonly number[]
  readonly minutes: readonly number[]
  readonly hours: readonly number[]
  /** 0 is January, as for Date. */
  readonly months: readonly number[]
  readonly isDay: (dayOfMonth: number, dayOfWeek: number) => boolean
  /** Its hour is `*`: it goes by time that passes, not by what clocks show. */
  readonly everyHour: boolean
}

const SECOND_MS = 1_000
const DAY_MS = 86_400_000
/** The longest time without a 29th of February is eight years. */
const MAX_YEARS = 9

/** Reads what parseCron wrote. */
export function cronFields(pattern: string): CronFields {
  const words = pattern.split(' ')
  const [second, minute, hour, dayOfMonth, month, dayOfWeek] = (words.length === 5 ? ['0', ...words] : words) as [
    string,
    string,
    string,
    string,
    string,
    string,
  ]
  const days = new Set(values(dayOfMonth, 1, 31))
  const weekdays = new Set(values(dayOfWeek, 0, 7).map((day) => day % 7))
  const [anyDay, anyWeekday] = [dayOfMonth === '*', dayOfWeek === '*']
  return {
    seconds: values(second, 0, 59),
    minutes: values(minute, 0, 59),
    hours: values(hour, 0, 23),
    months: values(month, 1, 12).map((number) => number - 1),
    isDay: (day, weekday) => (anyDay || anyWeekday ? days.has(day) && weekdays.has(weekday) : days.has(day) || weekdays.has(weekday)),
    everyHour: hour === '*',
  }
}

/** The first wall time at or after `wall` that the fields name; undefined: there is none. */
export function nextWall({ seconds, minutes, hours, months, isDay }: CronFields, wall: number): number | undefined {
  const from = Math.ceil(wall / SECOND_MS) * SECOND_MS
  const lastYear = new Date(from).getUTCFullYear() + MAX_YEARS
  for (let day = Math.floor(from / DAY_MS) * DAY_MS; ; ) {
    const date = new Date(day)
    if (date.getUTCFullYear() > lastYear) return undefined
    if (!months.includes(date.getUTCMonth())) {
      day = Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1)
      continue
    }
    const time = isDay(date.getUTCDate(), date.getUTCDay()) ? timeAtOrAfter({ seconds, minutes, hours }, Math.max(0, from - day)) : undefined
    if (time !== undefined) return day + time
    day += DAY_MS
  }
}

/** Within one day, in milliseconds from its start. */
function timeAtOrAfter({ seconds, minutes, hours }: Pick<CronFields, 'seconds' | 'minutes' | 'hours'>, fromMs: number): number | undefined {
  for (const hour of hours) {
    const hourMs = hour * 3_600_000
    if (hourMs + 3_600_000 <= fromMs) continue
    for (const minute of minutes) {
      const minuteMs = hourMs + minute * 60_000
      if (minuteMs + 60_000 <= fromMs) continue
      const second = seconds.find((it) => minuteMs + it * SECOND_MS >= fromMs)
      if (second !== undefined) return minuteMs + second * SECOND_MS
    }
  }
  return undefined
}

/** `*`, `4`, `1-5`, each with `/n`, in a list. A single number with a step goes on to the end. */
function values(word: string, min: number, max: number): number[] {
  const found = new Set<number>()
  for (const item of word.split(',')) {
    const [range = '', step] = item.split('/')
    const [first, last] = range === '*' ? [min, max] : range.split('-').map(Number)
    const end = last ?? (step === undefined ? (first as number) : max)
    for (let value = first as number; value <= end; value += Number(step ?? 1)) found.add(value)
  }
  return [...found].sort((a, b) => a - b)
}
