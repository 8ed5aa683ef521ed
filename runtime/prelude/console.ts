import { MAX_LOG_LINE_CHARS } from '../contract/messages.ts'
import { currentCall } from './call.ts'
import { inspect } from './inspect.ts'
import { type LogLevel, log } from './log.ts'
import {
  dateNow,
  mapDelete,
  mapGet,
  mapSet,
  mapSize,
  numberToString,
  objectCreate,
  objectDefineProperty,
  objectPrototype,
  objectSetPrototypeOf,
  SafeError,
  SafeMap,
  stringCharCodeAt,
  stringIndexOf,
  stringRepeat,
  stringSlice,
} from './primordials.ts'
import { cut, toText } from './text.ts'

const MAX_LABELS = 1_000
const MAX_GROUP_DEPTH = 20

/** Arguments as one line: `%s %d %i %f %j %o %O %c` in a first string, then the rest separated by spaces. */
export function formatLog(args: readonly unknown[]): string {
  const first = args[0]
  let used = 0
  let text = ''
  if (typeof first === 'string' && args.length > 1 && stringIndexOf(first, '%') !== -1) {
    used = 1
    let from = 0
    for (let at = stringIndexOf(first, '%'); at !== -1 && at + 1 < first.length; at = stringIndexOf(first, '%', from)) {
      const code = stringCharCodeAt(first, at + 1)
      text += stringSlice(first, from, at)
      from = at + 2
      if (code === 0x25) text += '%'
      else if (used < args.length && isDirective(code)) text += directive(code, args[used++])
      else text += stringSlice(first, at, from)
    }
    text += stringSlice(first, from)
  }
  for (; used < args.length && text.length <= MAX_LOG_LINE_CHARS; used++) text += `${used === 0 ? '' : ' '}${argument(args[used])}`
  return text
}

function argument(value: unknown): string {
  return typeof value === 'string' ? cut(value, MAX_LOG_LINE_CHARS) : inspect(value, MAX_LOG_LINE_CHARS)
}

/** s d i f j o O c */
function isDirective(code: number): boolean {
  return code === 0x73 || code === 0x64 || code === 0x69 || code === 0x66 || code === 0x6a || code === 0x6f || code === 0x4f || code === 0x63
}

function directive(code: number, value: unknown): string {
  if (code === 0x63) return ''
  if (code === 0x64 || code === 0x69 || code === 0x66) {
    const number = typeof value === 'bigint' || typeof value === 'symbol' ? Number.NaN : +(value as number)
    return numberToString(code === 0x69 ? number - (number % 1) : number)
  }
  return code === 0x73 ? argument(value) : inspect(value, MAX_LOG_LINE_CHARS)
}

function write(level: LogLevel, args: readonly unknown[]): void {
  let text: string
  try {
    text = formatLog(args)
  } catch {
    text = '[log arguments that cannot be shown]'
  }
  log(level, stringRepeat('  ', currentCall().logIndent) + text)
}

const counts = new SafeMap<string, number>()
const starts = new SafeMap<string, number>()

function elapsed(label: string): string {
  const start = mapGet(starts, label)
  return start === undefined ? `${label}: no such timer` : `${label}: ${numberToString(dateNow() - start)} ms`
}

function labelOf(value: unknown): string {
  return value === undefined ? 'default' : cut(toText(value), 200)
}

function group(...args: unknown[]): void {
  if (args.length > 0) write('info', args)
  const call = currentCall()
  if (call.logIndent < MAX_GROUP_DEPTH) call.logIndent++
}

export const console = {
  debug: (...args: unknown[]) => write('debug', args),
  log: (...args: unknown[]) => write('info', args),
  info: (...args: unknown[]) => write('info', args),
  warn: (...args: unknown[]) => write('warn', args),
  error: (...args: unknown[]) => write('error', args),
  dir: (value: unknown) => write('info', [value]),
  dirxml: (...args: unknown[]) => write('info', args),
  table: (value: unknown) => write('info', [value]),
  trace: (...args: unknown[]) => {
    const { stack } = new SafeError()
    const frames = typeof stack !== 'string' ? '' : stringSlice(stack, 0, 6) === 'Error\n' ? stringSlice(stack, 6) : stack
    write('debug', [`Trace: ${formatLog(args)}\n${frames}`])
  },
  assert: (condition?: unknown, ...args: unknown[]) => {
    if (!condition) write('error', [`Assertion failed${args.length > 0 ? `: ${formatLog(args)}` : ''}`])
  },
  count: (value?: unknown) => {
    const label = labelOf(value)
    const count = (mapGet(counts, label) ?? 0) + 1
    if (count > 1 || mapSize(counts) < MAX_LABELS) mapSet(counts, label, count)
    write('info', [`${label}: ${numberToString(count)}`])
  },
  countReset: (value?: unknown) => {
    mapDelete(counts, labelOf(value))
  },
  group,
  groupCollapsed: group,
  groupEnd: () => {
    const call = currentCall()
    if (call.logIndent > 0) call.logIndent--
  },
  time: (value?: unknown) => {
    if (mapSize(starts) < MAX_LABELS) mapSet(starts, labelOf(value), dateNow())
  },
  timeLog: (value?: unknown, ...args: unknown[]) => write('info', [`${elapsed(labelOf(value))}${args.length > 0 ? ` ${formatLog(args)}` : ''}`]),
  timeEnd: (value?: unknown) => {
    const label = labelOf(value)
    write('info', [elapsed(label)])
    mapDelete(starts, label)
  },
  clear: () => {},
}
objectDefineProperty(console, Symbol.toStringTag, { value: 'console', configurable: true })
// Web IDL's shape of a namespace: an object of its own before Object.prototype.
objectSetPrototypeOf(console, objectCreate(objectPrototype))
