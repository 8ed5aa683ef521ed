import { type Html, html } from './html.ts'

/** Of CommonMark what the description uses: paragraphs and `code`. */
export function prose(text = ''): Html[] {
  return text.split('\n\n').flatMap((paragraph) => (paragraph === '' ? [] : [html`<p>${inline(paragraph)}</p>`]))
}

export function inline(text: string): Html[] {
  return text.split('`').map((part, i) => (i % 2 === 0 ? html`${part}` : html`<code>${part}</code>`))
}

const TOKEN = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(true|false|null)\b|-?\b\d+(?:\.\d+)?\b/g

/** JSON with its names, texts and other values told apart. */
export function colouredJson(json: string): Html[] {
  const parts: Html[] = []
  let end = 0
  for (const match of json.matchAll(TOKEN)) {
    const [all, string, colon] = match
    const kind = string === undefined ? 'v' : colon === undefined ? 's' : 'k'
    parts.push(html`${json.slice(end, match.index)}<span class="${kind}">${all}</span>`)
    end = match.index + all.length
  }
  return [...parts, html`${json.slice(end)}`]
}

const MAX_INLINE_CHARS = 52

/** JSON as people write it: what fits stays on its line. */
export function readableJson(value: unknown, indent = ''): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const isList = Array.isArray(value)
  const flat = (
    isList ? value.map((item) => readableJson(item)) : Object.entries(value).map(([k, v]) => `${JSON.stringify(k)}: ${readableJson(v)}`)
  ).join(', ')
  const [open, close] = isList ? ['[', ']'] : ['{', '}']
  const line = flat.includes('\n') ? undefined : isList || flat === '' ? `${open}${flat}${close}` : `${open} ${flat} ${close}`
  if (line !== undefined && indent.length + line.length <= MAX_INLINE_CHARS) return line
  const deeper = `${indent}  `
  const lines = isList
    ? value.map((item) => deeper + readableJson(item, deeper))
    : Object.entries(value).map(([key, item]) => `${deeper}${JSON.stringify(key)}: ${readableJson(item, deeper)}`)
  return `${open}\n${lines.join(',\n')}\n${indent}${close}`
}
