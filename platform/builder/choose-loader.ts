import type { TransformFailure } from 'esbuild'
import { transform } from 'esbuild'
import type { Loader } from './module-loader.ts'

/**
 * The first loader that parses the source; else the one that got furthest, since its errors are the ones worth showing
 * (ties to the earlier guess).
 */
export async function chooseLoader(source: string, loaders: readonly Loader[]): Promise<Loader> {
  const [first] = loaders
  if (first === undefined) throw new TypeError('Cannot choose a loader: none given')
  let best = { loader: first, line: -1, column: -1 }
  for (const loader of loaders.length === 1 ? [] : loaders) {
    try {
      await transform(source, { loader, target: 'esnext', logLevel: 'silent', tsconfigRaw: {} })
      return loader
    } catch (error) {
      const location = (error as Partial<TransformFailure>).errors?.[0]?.location
      if (!location) throw error
      const { line, column } = location
      if (line > best.line || (line === best.line && column > best.column)) best = { loader, line, column }
    }
  }
  return best.loader
}
