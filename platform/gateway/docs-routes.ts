import { Hono } from 'hono'
import { OPENAPI } from '../openapi/openapi.ts'
import { PAGE_POLICY, renderPage } from '../openapi/page/page.ts'
import type { GatewayEnv } from './caller.ts'

/** `GET /openapi.json` and `GET /docs`: what the gateway answers to, for programs and for people. Open to everyone. */
export function docsRoutes(): Hono<GatewayEnv> {
  const description = JSON.stringify(OPENAPI)
  const page = renderPage(OPENAPI)
  const common = { 'x-content-type-options': 'nosniff', 'cache-control': 'no-cache' }
  return new Hono<GatewayEnv>()
    .get('/openapi.json', (c) => c.body(description, 200, { ...common, 'content-type': 'application/json' }))
    .get('/docs', (c) => c.body(page, 200, { ...common, 'content-type': 'text/html; charset=utf-8', 'content-security-policy': PAGE_POLICY }))
}
