import { define, objectDefineProperty, reflectDeleteProperty, SafeError } from './primordials.ts'
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
  readonly #message: string

  constructor(message: unknown = '', options: unknown = 'Error') {
    const text = toText(message)
    // Given on, so that the stack begins with it; but it is read from the prototype.
    super(text)
    reflectDeleteProperty(this, 'message')
    this.#message = text
    const isOptions = typeof options === 'object' && options !== null
    const { name, cause } = isOptions ? (options as { name?: unknown; cause?: unknown }) : { name: options, cause: undefined }
    this.#name = toText(name ?? 'Error')
    if (isOptions && 'cause' in options) define(this, 'cause', cause, false)
  }

  override get name(): string {
    return this.#name
  }

  override get message(): string {
    return this.#message
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

/** The constants of old, in the order of their codes. */
const CONSTANTS = [
  'INDEX_SIZE',
  'DOMSTRING_SIZE',
  'HIERARCHY_REQUEST',
  'WRONG_DOCUMENT',
  'INVALID_CHARACTER',
  'NO_DATA_ALLOWED',
  'NO_MODIFICATION_ALLOWED',
  'NOT_FOUND',
  'NOT_SUPPORTED',
  'INUSE_ATTRIBUTE',
  'INVALID_STATE',
  'SYNTAX',
  'INVALID_MODIFICATION',
  'NAMESPACE',
  'INVALID_ACCESS',
  'VALIDATION',
  'TYPE_MISMATCH',
  'SECURITY',
  'NETWORK',
  'ABORT',
  'URL_MISMATCH',
  'QUOTA_EXCEEDED',
  'TIMEOUT',
  'INVALID_NODE_TYPE',
  'DATA_CLONE',
] as const
for (let at = 0; at < CONSTANTS.length; at++) {
  const constant = { __proto__: null, value: at + 1, enumerable: true } as PropertyDescriptor
  objectDefineProperty(DOMException, `${CONSTANTS[at]}_ERR`, constant)
  objectDefineProperty(DOMException.prototype, `${CONSTANTS[at]}_ERR`, constant)
}
