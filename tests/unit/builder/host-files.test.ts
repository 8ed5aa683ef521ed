import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { createBuilder } from '../../../platform/builder/builder.ts'

const builder = createBuilder({ log: { warn: () => {} } })
const folder = mkdtempSync(join(tmpdir(), 'isolane-canary-'))
writeFileSync(join(folder, 'x.json'), '{"canary":"sings"}', { mode: 0o644 })
writeFileSync(join(folder, 'x.txt'), 'the canary sings', { mode: 0o644 })
afterAll(() => {
  builder[Symbol.dispose]()
  rmSync(folder, { recursive: true })
})

const build = (source: string) => builder.build('acme', { mainModule: 'index.ts', modules: new Map([['index.ts', { bytes: Buffer.from(source) }]]) })
const path = `./${relative('/', folder)}`

test.runIf(process.platform === 'linux').each([
  ['an import() of a template', `export default (e) => import(\`${path}/\${e}.json\`)`],
  ['an import() of a sum', `export default (e) => import('${path}/' + e + '.json')`],
  ['a require() of a sum', `export default (e) => require('${path}/' + e + '.txt')`],
  ['an import() that climbs', `export default (e) => import(\`../../../..${folder}/\${e}.json\`)`],
])('no file of this machine comes into a bundle by %s', async (_, source) => {
  const built = await build(source)
  expect(JSON.stringify(built)).not.toContain('sings')
  expect(built).toMatchObject({
    ok: false,
    code: 'build_failed',
    errors: [{ text: expect.stringContaining('import each module by its own name'), line: 1 }],
  })
})

test.runIf(process.platform === 'linux')('an import() of everything brings nothing of this machine into a bundle, not even a name', async () => {
  writeFileSync(join(folder, 'x.ts'), "export default 'the canary sings'", { mode: 0o644 })
  const built = JSON.stringify(await build("export default (e) => import('.' + e + '.ts')"))
  expect(built).not.toContain('sings')
  expect(built).not.toContain(folder)
})

test.each([
  ['//', ''],
  ['/*', ' */'],
])('no file of this machine is read as the map of an upload (%s … %s)', async (open, close) => {
  const built = await build(`export default () => 1\n${open}# sourceMappingURL=file://${folder}/x.txt${close}\n`)
  expect(built).toMatchObject({ ok: true })
  expect(JSON.stringify(built)).not.toContain('sings')
})

test('a map inside an upload is followed, and no file of this machine for it', async () => {
  const map = { version: 3, sources: [`file://${folder}/x.txt`, `${path}/x.txt`, `${folder}/x.json`], names: [], mappings: 'AAAA;ACAA;ACAA' }
  const url = `data:application/json;base64,${Buffer.from(JSON.stringify(map)).toString('base64')}`
  const built = await build(`export const a = () => 1\nexport const b = () => 2\nexport const c = () => 3\n//# sourceMappingURL=${url}\n`)
  expect(built).toMatchObject({ ok: true, sourceMap: expect.stringContaining('x.txt') })
  expect(JSON.stringify(built)).not.toContain('sings')
})

test('walls around the bundler leave uploads of several modules alone, time after time', async () => {
  for (let n = 0; n < 5; n++) {
    const modules = new Map([
      ['index.ts', { bytes: Buffer.from("import { a } from './lib/a.ts'\nexport default () => a") }],
      ['lib/a.ts', { bytes: Buffer.from(`export const a = ${n}`) }],
    ])
    expect(await builder.build('acme', { mainModule: 'index.ts', modules })).toMatchObject({ ok: true })
  }
})
