import { define, SafeError } from './primordials.ts'
import { toText } from './text.ts'

/** Names that still have a numeric `code`, in the order of their codes; a gap is a code no longer in use. */
const LEGACY_NAMES = [
  'IndexSizeError',
  '',
  'HierarchyRequestError',
  'WrongDocumentError',
  'InvalidCharacterError',
  '',
  'NoModificationAllowedError',
  'NotFoundError',
  'NotSupportedError',
  'InUseAttributeError',
  'InvalidStateError',
  'SyntaxError',
  'InvalidModificationError',
  'NamespaceError',
  'InvalidAccessError',
  '',
  'TypeMismatchError',
  'SecurityError',
  'NetworkError',
  'AbortError',
  'URLMismatchError',
  'QuotaExceededError',
  'TimeoutError',
  'InvalidNodeTypeError',
  'DataCloneError',
] as const

export class DOMException extends SafeError {
  readonly #name: string

  constructor(message: unknown = '', options: unknown = 'Error') {
    super(toText(message))
    const isOptions = typeof options === 'object' && options !== null
    const { name, cause } = isOptions ? (options as { name?: unknown; cause?: unknown }) : { name: options, cause: undefined }
    this.#name = toText(name ?? 'Error')
    if (isOptions && 'cause' in options) define(this, 'cause', cause, false)
  }

  override get name(): string {
    return this.#name
  }

  get code(): number {
    for (let at = 0; at < LEGACY_NAMES.length; at++) if (LEGACY_NAMES[at] === this.#name) return at + 1
    return 0
  }

  static isInstance(value: object): value is DOMException {
    return #name in value
  }
}

/** Brand check kept from user code's hands: the static is removed from the class it sees. */
export const isDOMException = DOMException.isInstance
Reflect.deleteProperty(DOMException, 'isInstance')
