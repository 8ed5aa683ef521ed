import { SafeTypeError } from './primordials.ts'

const INTERNAL = { __proto__: null }

export class Navigator {
  constructor(token?: unknown) {
    if (token !== INTERNAL) throw new SafeTypeError('Cannot construct Navigator: use the global navigator')
  }

  get userAgent() {
    return 'isolane'
  }
}

export const navigator = new Navigator(INTERNAL)
