import type { Method, OpenApiDocument, Operation } from '../document.ts'
import { answerDetails, answerExamples } from './answer-parts.ts'
import { type Html, html } from './html.ts'
import { prose } from './prose.ts'
import { bodyTable, parameterTables } from './request-parts.ts'

/** One call as the page shows it. `method` is `any` where all do the same. */
export interface Call {
  readonly method: Method | 'any'
  readonly path: string
  readonly operation: Operation
}

type Components = OpenApiDocument['components']

/** What it does and takes on one side, what to type and what comes back on the other. */
export function callSection({ method, path, operation }: Call, components: Components): Html {
  const { operationId, summary, description } = operation
  return html`<article id="${operationId}">
<h3><a href="#${operationId}">${summary}</a></h3>
<p class="line">${badge(method)} <code class="path">${pathMarkup(path)}</code> ${scopeChip(operation)}</p>
<div class="sides"><div>
${prose(description)}
${parameterTables(operation, components)}
${bodyTable(operation, components)}
${answerDetails(operation, components)}
</div><div>
${operation['x-codeSamples'].map(({ source }) => html`<pre class="shell" tabindex="0"><code>${source}</code></pre>`)}
${answerExamples(operation)}
</div></div>
</article>`
}

export function badge(method: Call['method']): Html {
  return html`<span class="method ${method}">${method.toUpperCase()}</span>`
}

/** Parameters stand out, and a long path may break after each slash. */
function pathMarkup(path: string): Html[] {
  return path.split(/(\{[^}]+\}|\/)/).map((part) => {
    if (part === '/') return html`/<wbr>`
    return part.startsWith('{') ? html`<var>${part}</var>` : html`${part}`
  })
}

function scopeChip({ security }: Operation): Html {
  const scopes = [...new Set(security.flatMap((way) => Object.values(way).flat()))]
  if (scopes.length === 0) return html`<span class="chip">no key needed</span>`
  const unlessOpen = security.some((way) => Object.keys(way).length === 0) ? ', unless public' : ''
  return html`<span class="chip">scope <b>${scopes.join(', ')}</b>${unlessOpen}</span>`
}
