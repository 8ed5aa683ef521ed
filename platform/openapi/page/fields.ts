import type { OpenApiDocument, Schema } from '../document.ts'
import { type Html, html } from './html.ts'
import { inline } from './prose.ts'

type Schemas = OpenApiDocument['components']['schemas']

/** One name, what it may be, and what it means. */
export interface Field {
  readonly name: string
  readonly type: string
  readonly required: boolean
  readonly description: string
}

export function fieldTable(fields: readonly Field[]): Html | undefined {
  if (fields.length === 0) return undefined
  const rows = fields.map(
    ({ name, type, required, description }) =>
      html`<div><dt><code>${name}</code> <span class="type">${type}</span>${required ? html` <span class="needed">required</span>` : undefined}</dt><dd>${inline(description)}</dd></div>`,
  )
  return html`<dl class="fields">${rows}</dl>`
}

/** The members of an object, those of objects within it behind a dot: `total.cost`, `groups[].cost`. */
export function fieldsOf(schema: Schema, schemas: Schemas, prefix = '', telling = true): Field[] {
  const { properties = {}, required = [], oneOf = [], allOf = [] } = resolved(schema, schemas)
  const own = Object.entries(properties).flatMap(([name, member]) => {
    const { itself, ending } = unwrapped(member, schemas)
    const description = member.description ?? itself.description ?? ''
    const field = { name: prefix + name + ending, type: typeOf(member, schemas), required: telling && required.includes(name), description }
    return [field, ...fieldsOf(itself, schemas, `${prefix}${name}${ending}.`, telling)]
  })
  const others = [...allOf, ...oneOf].flatMap((part) => fieldsOf(part, schemas, prefix, telling && oneOf.length === 0))
  return [...own, ...others]
}

/** A list stands for what is in it. */
function unwrapped(schema: Schema, schemas: Schemas): { itself: Schema; ending: string } {
  const itself = resolved(schema, schemas)
  return itself.items === undefined ? { itself, ending: '' } : { itself: resolved(itself.items, schemas), ending: '[]' }
}

export function resolved(schema: Schema, schemas: Schemas): Schema {
  const target = schema.$ref?.split('/').at(-1)
  return target === undefined ? schema : (schemas[target] ?? schema)
}

/** `integer 1–900000`, `text, one of fetch, event, lambda`, … */
export function typeOf(given: Schema, schemas: Schemas): string {
  const schema = resolved(given, schemas)
  if (schema.oneOf) return [...new Set(schema.oneOf.map((option) => typeOf(option, schemas)))].join(' | ')
  if (schema.const !== undefined) return schema.const
  if (schema.enum) return schema.enum.join(' | ')
  const types = [schema.type ?? 'any']
    .flat()
    .map((type) => (type === 'array' ? `list of ${typeOf(schema.items ?? {}, schemas)}` : (WORDS[type] ?? type)))
  return types.join(' | ') + range(schema)
}

const WORDS: Readonly<Record<string, string>> = { string: 'text', boolean: 'true | false' }

function range({ minimum, maximum, exclusiveMinimum, format }: Schema): string {
  if (format !== undefined) return `, ${format}`
  if (minimum !== undefined && maximum !== undefined) return ` ${minimum}–${maximum}`
  if (minimum !== undefined) return ` from ${minimum}`
  if (exclusiveMinimum !== undefined) return ` over ${exclusiveMinimum}${maximum === undefined ? '' : `, up to ${maximum}`}`
  return ''
}
