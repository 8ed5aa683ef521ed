import { NAME_RULE } from '../../runtime/contract/names.ts'
import type { Schema } from './document.ts'

type More = Omit<Schema, 'type' | 'description'>

/** An object with all of these members; those in `optional` may be absent. */
export function object(properties: Readonly<Record<string, Schema>>, optional: readonly string[] = []): Schema {
  const required = Object.keys(properties).filter((name) => !optional.includes(name))
  return { type: 'object', ...(required.length > 0 && { required }), properties }
}

export function text(description: string, more: More = {}): Schema {
  return { type: 'string', description, ...more }
}

export function integer(description: string, more: More = {}): Schema {
  return { type: 'integer', description, ...more }
}

export function number(description: string, more: More = {}): Schema {
  return { type: 'number', description, ...more }
}

export function flag(description: string, more: More = {}): Schema {
  return { type: 'boolean', description, ...more }
}

export function instant(description: string): Schema {
  return text(description, { format: 'date-time' })
}

export function epochMs(description: string): Schema {
  return integer(`${description} Milliseconds since 1970.`)
}

export function list(items: Schema, description: string, more: More = {}): Schema {
  return { type: 'array', description, items, ...more }
}

export function map(values: Schema, description: string): Schema {
  return { type: 'object', description, additionalProperties: values }
}

export function ref(name: string): Schema {
  return { $ref: `#/components/schemas/${name}` }
}

/** `null` beside what it is otherwise. */
export function orNull(schema: Schema): Schema {
  return typeof schema.type === 'string' ? { ...schema, type: [schema.type, 'null'] } : { oneOf: [schema, { type: 'null' }] }
}

export function name(what: string): Schema {
  return text(`${what}: ${NAME_RULE}.`, { pattern: '^[a-z][a-z0-9-]{0,62}$' })
}
