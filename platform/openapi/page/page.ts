import { type OpenApiDocument, operationsOf, type PathItem, type Schema } from '../document.ts'
import { badge, type Call, callSection } from './call.ts'
import { exampleBlock } from './example.ts'
import { fieldTable, typeOf } from './fields.ts'
import { Html, html } from './html.ts'
import { inline, prose } from './prose.ts'
import { STYLE } from './style.ts'

/** What the page needs and may have: no script, no font, nothing from anywhere else. */
export const PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'"

/** The description as one page of HTML. */
export function renderPage({ info, tags, paths, components }: OpenApiDocument): string {
  const calls = Object.entries(paths).flatMap(([path, item]) => callsOf(path, item))
  const groups = tags.map(({ name, description }) => ({ id: idOf(name), name, description, calls: calls.filter((call) => isOf(call, name)) }))
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${info.title}: HTTP API</title>
<style>${new Html(STYLE)}</style>
</head>
<body>
<a class="skip" href="#main">To the calls</a>
<nav aria-label="Calls">
<a class="home" href="#top">${info.title}</a>
<ul>
${groups.map(
  ({ id, name, calls }) => html`<li><a class="group" href="#${id}">${name}</a><ul>
${calls.map(({ method, operation }) => html`<li><a href="#${operation.operationId}">${badge(method)} ${operation.summary}</a></li>`)}</ul></li>`,
)}
<li><a class="group" href="#problems">Problems</a></li>
</ul>
</nav>
<main id="main">
<header id="top">
<h1>${info.title} <small>HTTP API</small></h1>
<p class="lead">${info.summary}</p>
<div class="sides"><div>${prose(info.description)}${sharedHeaders(components)}</div>
<div><pre class="shell" tabindex="0"><code>${FIRST_WORDS}</code></pre>
<p class="quiet">The examples below use these two. The same description for programs: <a href="/openapi.json">/openapi.json</a></p></div></div>
</header>
${groups.map(
  ({ id, name, description, calls }) => html`<section id="${id}">
<h2>${name}</h2>
<p class="lead">${inline(description)}</p>
${calls.map((call) => callSection(call, components))}
</section>`,
)}
${problemSection(components)}
</main>
</body>
</html>
`
  return page.markup
}

const FIRST_WORDS = 'URL=http://127.0.0.1:8080\nKEY=isl_…'

/** Headers that many calls take are told here, once. */
function sharedHeaders({ parameters, schemas }: OpenApiDocument['components']): Html | undefined {
  const headers = Object.values(parameters).filter((parameter) => parameter.in === 'header')
  return fieldTable(headers.map(({ name, description, schema }) => ({ name, type: typeOf(schema, schemas), required: false, description })))
}

function callsOf(path: string, item: PathItem): Call[] {
  if (item['x-isolane-any-method'] && item.get) return [{ method: 'any', path, operation: item.get }]
  return operationsOf(item).map(([method, operation]) => ({ method, path, operation }))
}

function isOf({ operation }: Call, tag: string): boolean {
  return operation.tags?.includes(tag) === true
}

function idOf(name: string): string {
  return name.toLowerCase().replaceAll(' ', '-')
}

function problemSection({ schemas }: OpenApiDocument['components']): Html {
  const problem = schemas.Problem
  const kinds = problem?.properties?.code?.oneOf ?? []
  return html`<section id="problems">
<h2>Problems</h2>
<p class="lead">Every answer that is not a success and not a function’s own is <code>application/problem+json</code> (RFC 9457).</p>
<div class="sides"><div>${prose(problem?.description)}<p>Programs act on <code>code</code>; the words in <code>detail</code> are for people. Where waiting helps, <code>Retry-After</code> tells how long.</p></div>
<div>${(problem?.examples ?? []).map((example) => exampleBlock('application/problem+json', example))}</div></div>
<table><thead><tr><th>Code</th><th>Status</th><th>When</th></tr></thead><tbody>
${kinds
  .toSorted(byStatus)
  .map(
    ({ const: code = '', description = '', 'x-isolane-statuses': statuses = [] }) =>
      html`<tr id="problem-${code}"><th scope="row"><code>${code}</code></th><td>${statuses.join(', ')}</td><td>${inline(description)}</td></tr>`,
  )}
</tbody></table>
</section>`
}

function byStatus(a: Schema, b: Schema): number {
  return (a['x-isolane-statuses']?.[0] ?? 0) - (b['x-isolane-statuses']?.[0] ?? 0)
}
