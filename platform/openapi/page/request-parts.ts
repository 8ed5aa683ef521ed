import type { OpenApiDocument, Operation, Parameter } from '../document.ts'
import { exampleBlock } from './example.ts'
import { fieldsOf, fieldTable, typeOf } from './fields.ts'
import { type Html, html } from './html.ts'
import { pointed } from './pointed.ts'
import { inline } from './prose.ts'

type Components = OpenApiDocument['components']

const PLACES = [
  ['path', 'In the path'],
  ['query', 'In the query'],
  ['header', 'Headers'],
] as const

export function parameterTables({ parameters = [] }: Operation, { parameters: shared, schemas }: Components): (Html | undefined)[] {
  // Headers that all calls take are told at the top of the page.
  const own = parameters.filter((parameter) => !('$ref' in parameter) || pointed(parameter, shared).in !== 'header')
  const all = own.map((parameter) => pointed(parameter, shared))
  return PLACES.flatMap(([place, words]) => {
    const here = all.filter((parameter) => parameter.in === place)
    const rows = here.map((it) => ({
      name: it.name,
      type: typeOf(it.schema, schemas),
      required: it.required === true && place !== 'path',
      description: withDefault(it),
    }))
    return here.length === 0 ? [] : [html`<h4>${words}</h4>`, fieldTable(rows)]
  })
}

function withDefault({ description, schema }: Parameter): string {
  return schema.default === undefined ? description : `${description} Default \`${schema.default}\`.`
}

export function bodyTable({ requestBody }: Operation, { schemas }: Components): Html | undefined {
  if (requestBody === undefined) return undefined
  const { content, description, required } = requestBody
  const kinds = Object.entries(content).map(([type, { schema, example }]) => {
    const fields = schema === undefined ? [] : fieldsOf(schema, schemas)
    return html`<p class="kind"><code>${type}</code> ${inline(schema?.description ?? '')}</p>${fieldTable(fields)}${exampleBlock(type, example)}`
  })
  return html`<h4>Body${required ? undefined : ' (may be empty)'}</h4><p>${inline(description)}</p>${kinds}`
}
