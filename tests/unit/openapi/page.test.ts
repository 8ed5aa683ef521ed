import { describe, expect, test } from 'vitest'
import { docsRoutes } from '../../../platform/gateway/docs-routes.ts'
import { operationsOf } from '../../../platform/openapi/document.ts'
import { OPENAPI } from '../../../platform/openapi/openapi.ts'
import { html } from '../../../platform/openapi/page/html.ts'
import { renderPage } from '../../../platform/openapi/page/page.ts'
import { readableJson } from '../../../platform/openapi/page/prose.ts'

const page = renderPage(OPENAPI)

describe('GET /docs', () => {
  test('is HTML that may load nothing and run nothing', async () => {
    const answer = await docsRoutes().request('/docs')
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(answer.headers.get('content-security-policy')).toBe("default-src 'none'; style-src 'unsafe-inline'")
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
    expect(await answer.text()).toBe(page)
  })

  test('asks for nothing that its policy would refuse', () => {
    expect(page).not.toMatch(/<(script|link|img|iframe|form|object|embed|base)\b|\son\w+=|javascript:|@import|url\(/i)
  })

  test('has every call, every problem, and no link to a place that is not on it', () => {
    const ids = new Set([...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id))
    const shown = Object.values(OPENAPI.paths).flatMap((item) => {
      const all = operationsOf(item).map(([, { operationId }]) => operationId)
      return item['x-isolane-any-method'] ? [item.get?.operationId] : all
    })
    expect(shown.filter((id) => !ids.has(id))).toEqual([])
    const links = [...page.matchAll(/href="#([^"]+)"/g)].map(([, id]) => id)
    expect(links.length).toBeGreaterThan(shown.length)
    expect(links.filter((id) => !ids.has(id))).toEqual([])
  })

  test('no id is given twice', () => {
    const ids = [...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id)
    expect(ids.filter((id, i) => ids.indexOf(id) !== i)).toEqual([])
  })
})

describe('GET /openapi.json', () => {
  test('is the description', async () => {
    const answer = await docsRoutes().request('/openapi.json')
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/json'])
    expect(await answer.json()).toEqual(JSON.parse(JSON.stringify(OPENAPI)))
  })
})

describe('markup', () => {
  test('what comes from the description is text, never markup', () => {
    expect(html`<p title="${'"><b>'}">${'<script>&'}${[html`<i>${"it's"}</i>`]}${undefined}</p>`.markup).toBe(
      '<p title="&quot;&gt;&lt;b&gt;">&lt;script&gt;&amp;<i>it&#39;s</i></p>',
    )
  })

  test('short values of an example stay on their line, long ones do not', () => {
    expect(readableJson({ live: { moved: true }, list: ['a'.repeat(30), 'b'.repeat(30)], none: [] })).toBe(
      `{\n  "live": { "moved": true },\n  "list": [\n    "${'a'.repeat(30)}",\n    "${'b'.repeat(30)}"\n  ],\n  "none": []\n}`,
    )
  })
})
