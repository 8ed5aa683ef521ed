import type { Answer, Content, OpenApiDocument, Operation } from '../document.ts'
import { exampleBlock } from './example.ts'
import { fieldsOf, fieldTable } from './fields.ts'
import { type Html, html } from './html.ts'
import { pointed } from './pointed.ts'
import { inline } from './prose.ts'

type Components = OpenApiDocument['components']

const PROBLEM = 'application/problem+json'

/** What comes back when nothing is refused. */
export function answerExamples({ responses }: Operation): Html[] {
  return plainAnswers(responses).map(
    ([status, { description, content = {} }]) =>
      html`<p class="answer"><b class="${status.startsWith('2') ? 'ok' : 'not-ok'}">${status}</b> ${inline(description)} ${contentTypes(content)}</p>
${Object.entries(content).map(([type, { example }]) => exampleBlock(type, example))}`,
  )
}

/** Fields, headers and problems, each behind a line to open. */
export function answerDetails({ responses }: Operation, components: Components): Html[] {
  const plain = plainAnswers(responses).map(([, answer]) => answer)
  const headers = plain.flatMap((answer) => headerFields(answer, components))
  const fields = plain.flatMap(({ content = {} }) =>
    Object.values(content).flatMap(({ schema }) => (schema === undefined ? [] : fieldsOf(schema, components.schemas, '', false))),
  )
  const parts: [string, Html | undefined][] = [
    ['Fields of the answer', fieldTable(fields)],
    ['Headers of the answer', fieldTable(headers)],
    ['Problems', problemList(responses)],
  ]
  return parts.flatMap(([words, part]) => (part === undefined ? [] : [html`<details><summary>${words}</summary>${part}</details>`]))
}

function plainAnswers(responses: Operation['responses']): [string, Answer][] {
  return Object.entries(responses).filter(([, { content = {} }]) => !(PROBLEM in content))
}

function headerFields({ headers = {} }: Answer, { headers: shared }: Components) {
  return Object.entries(headers).map(([name, header]) => {
    const { description, example = '' } = pointed(header, shared)
    return { name, type: example, required: false, description }
  })
}

function contentTypes(content: Content): Html[] {
  return Object.keys(content).flatMap((type) => (type === '*/*' ? [] : [html`<code class="quiet">${type}</code> `]))
}

/** Which problems it may be answered with; what each means is told once, below. */
function problemList(responses: Operation['responses']): Html | undefined {
  const rows = Object.entries(responses).flatMap(([status, answer]) => {
    const codes = answer.content?.[PROBLEM]?.schema?.properties?.code?.enum
    return codes === undefined
      ? []
      : [html`<li><b>${status}</b> ${codes.map((code) => html`<a href="#problem-${code}"><code>${code}</code></a> `)}</li>`]
  })
  return rows.length === 0 ? undefined : html`<ul class="refusals">${rows}</ul>`
}
