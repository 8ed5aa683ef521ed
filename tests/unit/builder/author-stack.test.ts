import { afterAll, expect, test } from 'vitest'
import { toAuthorError, toAuthorStack } from '../../../platform/builder/author-stack.ts'
import { createBuilder } from '../../../platform/builder/builder.ts'
import type { Built, Upload } from '../../../platform/builder/built.ts'

const builder = createBuilder({ log: { warn: () => {} } })
afterAll(() => builder[Symbol.dispose]())

const UPLOAD: Upload = {
  mainModule: 'index.ts',
  modules: new Map([
    [
      'index.ts',
      {
        bytes: Buffer.from(
          "import { shout } from './lib/shout.ts'\ninterface A { b: string }\nshout('x' as unknown as A['b'])\nexport default () => 1\n",
        ),
      },
    ],
    ['lib/shout.ts', { bytes: Buffer.from('type T = string\n\nexport function shout(what: T): never {\n  throw new RangeError(what)\n}\n') }],
  ]),
}

async function failed(): Promise<{ built: Built; error: Error }> {
  const built = await builder.build(UPLOAD)
  if (!built.ok) throw new Error(built.detail)
  const run = new Function(`return ${built.script}\n//# sourceURL=file:///function.js`)() as (module: object, exports: object) => void
  try {
    run({ exports: {} }, {})
  } catch (error) {
    // The engine adds the two lines that \`new Function\` puts in front; an isolate's script has none.
    const stack = (error as Error).stack?.replace(
      /(file:\/\/\/function\.js):(\d+)/g,
      (_, file: string, line: string) => `${file}:${Number(line) - 2}`,
    )
    return { built, error: Object.assign(error as Error, { stack }) }
  }
  throw new Error('it did not throw')
}

test('a failed start points to the file, line and column that were uploaded', async () => {
  const { built, error } = await failed()
  expect(toAuthorError('RangeError: x', error.stack ?? '', built.sourceMap ?? '', UPLOAD)).toEqual({
    text: 'RangeError: x',
    file: 'lib/shout.ts',
    line: 4,
    column: 9,
    lineText: '  throw new RangeError(what)',
  })
})

test('every frame of the stack is the author’s own', async () => {
  const { built, error } = await failed()
  const stack = toAuthorStack(error.stack ?? '', built.sourceMap ?? '')
  expect(stack).toContain('lib/shout.ts:4:9')
  expect(stack).toContain('index.ts:3:1')
  expect(stack).not.toContain('function.js')
})

test('a stack without a frame of the bundle has no place, and is no error of ours', async () => {
  const { built } = await failed()
  expect(toAuthorError('Error: x', 'Error: x\n    at nowhere', built.sourceMap ?? '', UPLOAD)).toEqual({ text: 'Error: x' })
})
