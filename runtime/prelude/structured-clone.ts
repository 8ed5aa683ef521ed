import { type Blob, blobBytes, createBlob, File, isFile } from './blob.ts'
import { errorType, isBranded, isUncloneable, unwrapPrimitive } from './clone-kinds.ts'
import { createCryptoKey, keyState } from './crypto-key.ts'
import { DOMException, isDOMException } from './dom-exception.ts'
import { isArrayBuffer } from './encoding.ts'
import { inspect } from './inspect.ts'
import { isError, typedArrayType } from './late-primordials.ts'
import { append, type List, newList } from './list.ts'
import {
  arrayBufferByteLength,
  arrayBufferDetached,
  arrayBufferTransfer,
  arrayIsArray,
  dataViewBuffer,
  dataViewByteLength,
  dataViewByteOffset,
  dateGetTime,
  define,
  isObject,
  isView,
  mapForEach,
  mapGet,
  mapHas,
  mapSet,
  mapSize,
  objectGetOwnPropertyDescriptor,
  objectGetPrototypeOf,
  objectKeys,
  objectPrototype,
  objectToString,
  reflectConstruct,
  regExpFlags,
  regExpSource,
  SafeArrayBuffer,
  SafeError,
  SafeMap,
  SafeSet,
  SafeUint8Array,
  setAdd,
  setForEach,
  setSize,
  typedArrayBuffer,
  typedArrayByteOffset,
  typedArrayLength,
  typedArrayName,
  typedArraySet,
} from './primordials.ts'
import { toText } from './text.ts'

const { Date: SafeDate, RegExp: SafeRegExp, DataView: SafeDataView } = globalThis

/** How ports are told and moved: message-channel.ts sets it, which itself needs cloning. */
interface PortTransfer {
  isPort(value: object): boolean
  isDetached(port: object): boolean
  /** The port that takes the place of this one, which is of no use from then on. */
  transfer(port: object): object
}
let portTransfer: PortTransfer
export function setPortTransfer(transfer: PortTransfer): void {
  portTransfer = transfer
}

export function structuredClone(value: unknown, options?: { readonly transfer?: Iterable<unknown> } | null): unknown {
  return cloneWithTransfer(value, options?.transfer).clone
}

/**
 * A copy of the value, and the ports that were transferred with it, in their order. ArrayBuffers and ports can be
 * transferred; `sender` is the port that sends, which cannot send itself.
 */
export function cloneWithTransfer(value: unknown, transfer?: Iterable<unknown>, sender?: object): { clone: unknown; ports: List<object> } {
  const clones = new SafeMap<object, object>()
  const moved: List<object> = newList()
  if (transfer !== undefined) {
    for (const item of transfer) {
      const isPort = isObject(item) && portTransfer.isPort(item)
      if (!isPort && !isArrayBuffer(item)) throw cloneError('only an ArrayBuffer or a MessagePort can be transferred here')
      const isDetached = isPort ? portTransfer.isDetached(item) : arrayBufferDetached(item as ArrayBuffer)
      if (isDetached || mapHas(clones, item) || item === sender) throw cloneError('something to transfer is detached, listed twice, or the sender')
      mapSet(clones, item, item)
      append(moved, item)
    }
  }
  const cloner = new Cloner(clones)
  const clone = cloner.clone(value)
  const ports: List<object> = newList()
  if (moved.length === 0) return { clone, ports }
  // Detached only once nothing can fail any more: then the copy is made over with what was transferred.
  const targets = new SafeMap<object, object>()
  for (let at = 0; at < moved.length; at++) {
    const item = moved[at] as object
    const target = isArrayBuffer(item) ? arrayBufferTransfer(item) : portTransfer.transfer(item)
    mapSet(targets, item, target)
    if (!isArrayBuffer(item)) append(ports, target)
  }
  return { clone: new Cloner(targets, cloner.views).clone(value), ports }
}

/** Where a view lay before its buffer was detached. */
interface ViewShape {
  readonly byteOffset: number
  readonly length: number
  readonly buffer: ArrayBuffer
}

class Cloner {
  readonly views = new SafeMap<object, ViewShape>()
  readonly #clones: Map<object, object>
  readonly #known: Map<object, ViewShape> | undefined

  constructor(clones: Map<object, object>, known?: Map<object, ViewShape>) {
    this.#clones = clones
    this.#known = known
  }

  clone(value: unknown): unknown {
    if (!isObject(value)) {
      if (typeof value === 'symbol') throw cloneError('a Symbol cannot be cloned')
      return value
    }
    const seen = mapGet(this.#clones, value)
    return seen ?? this.#object(value)
  }

  #remember<T extends object>(original: object, clone: T): T {
    mapSet(this.#clones, original, clone)
    return clone
  }

  #object(value: object): object {
    if (typeof value === 'function') throw cloneError(`${inspect(value, 100)} cannot be cloned`)
    if (arrayIsArray(value)) return this.#properties(value, this.#remember(value, new Array(value.length)))
    const proto = objectGetPrototypeOf(value)
    if (proto === objectPrototype || proto === null) {
      // The usual case first; what is exotic under a plain prototype shows in its internal tag.
      const tag = objectToString(value)
      if (tag === '[object Object]') return this.#properties(value, this.#remember(value, {}))
    }
    return this.#exotic(value)
  }

  #exotic(value: object): object {
    if (isView(value)) return this.#view(value)
    if (isArrayBuffer(value)) return this.#remember(value, copyBuffer(value))
    if (isDOMException(value)) return this.#remember(value, new DOMException(value.message, value.name))
    if (isError(value)) return this.#error(value)
    if (isBranded(() => mapSize(value))) return this.#map(value as Map<unknown, unknown>)
    if (isBranded(() => setSize(value))) return this.#set(value as Set<unknown>)
    if (isBranded(() => dateGetTime(value))) return this.#remember(value, new SafeDate(dateGetTime(value)))
    if (objectToString(value) === '[object RegExp]' && isBranded(() => regExpSource(value))) {
      return this.#remember(value, new SafeRegExp(regExpSource(value), regExpFlags(value)))
    }
    const bytes = blobBytes(value)
    if (bytes !== undefined) return this.#remember(value, cloneBlob(value as Blob, bytes))
    const key = keyState(value)
    if (key !== undefined) return this.#remember(value, createCryptoKey(key))
    const wrapped = unwrapPrimitive(value)
    if (wrapped !== undefined) return this.#remember(value, wrapped)
    if (isUncloneable(value)) throw cloneError(`${inspect(value, 100)} cannot be cloned`)
    return this.#properties(value, this.#remember(value, {}))
  }

  #properties(from: object, to: object): object {
    const keys = objectKeys(from)
    for (let at = 0; at < keys.length; at++) {
      const key = keys[at] as string
      // A getter that ran before may have removed it.
      if (objectGetOwnPropertyDescriptor(from, key) !== undefined) define(to, key, this.clone((from as Record<string, unknown>)[key]))
    }
    return to
  }

  #map(map: Map<unknown, unknown>): object {
    const copy = this.#remember(map, new SafeMap<unknown, unknown>())
    const keys: List<unknown> = newList()
    const values: List<unknown> = newList()
    mapForEach(map, (value, key) => {
      append(keys, key)
      append(values, value)
    })
    for (let at = 0; at < keys.length; at++) mapSet(copy, this.clone(keys[at]), this.clone(values[at]))
    return copy
  }

  #set(set: Set<unknown>): object {
    const copy = this.#remember(set, new SafeSet<unknown>())
    const members: List<unknown> = newList()
    setForEach(set, (member) => append(members, member))
    for (let at = 0; at < members.length; at++) setAdd(copy, this.clone(members[at]))
    return copy
  }

  #error(error: object): object {
    const { name } = error as { name?: unknown }
    const type = typeof name === 'string' ? errorType(name) : undefined
    const copy = this.#remember(error, reflectConstruct(type ?? SafeError, []) as object)
    const message = objectGetOwnPropertyDescriptor(error, 'message')
    if (message !== undefined && 'value' in message) define(copy, 'message', toText(message.value), false)
    define(copy, 'stack', toText((error as { stack?: unknown }).stack ?? ''), false)
    const cause = objectGetOwnPropertyDescriptor(error, 'cause')
    if (cause !== undefined && 'value' in cause) define(copy, 'cause', this.clone(cause.value), false)
    return copy
  }

  #view(view: ArrayBufferView): object {
    const name = typedArrayName(view)
    const shape = this.#known === undefined ? undefined : mapGet(this.#known, view)
    const { byteOffset, length, buffer } = shape ?? shapeOf(view, name)
    mapSet(this.views, view, { byteOffset, length, buffer })
    const copy = this.clone(buffer)
    const type = name === undefined ? SafeDataView : typedArrayType(name)
    if (type === undefined) throw cloneError(`a ${name} cannot be cloned`)
    return this.#remember(view, reflectConstruct(type, [copy, byteOffset, length]) as object)
  }
}

function shapeOf(view: ArrayBufferView, name: string | undefined): ViewShape {
  if (name === undefined) return { buffer: dataViewBuffer(view), byteOffset: dataViewByteOffset(view), length: dataViewByteLength(view) }
  return { buffer: typedArrayBuffer(view), byteOffset: typedArrayByteOffset(view), length: typedArrayLength(view) }
}

function copyBuffer(buffer: ArrayBuffer): ArrayBuffer {
  if (arrayBufferDetached(buffer)) throw cloneError('a detached ArrayBuffer cannot be cloned')
  const copy = new SafeArrayBuffer(arrayBufferByteLength(buffer))
  typedArraySet(new SafeUint8Array(copy), new SafeUint8Array(buffer))
  return copy
}

function cloneBlob(blob: Blob, bytes: Uint8Array): Blob {
  return isFile(blob) ? new File([blob], blob.name, { type: blob.type, lastModified: blob.lastModified }) : createBlob(bytes, blob.type)
}

function cloneError(why: string): DOMException {
  return new DOMException(`Cannot clone: ${why}`, 'DataCloneError')
}
