import { TextDecoder, TextDecoderStream, TextEncoder, TextEncoderStream } from '@exodus/bytes/encoding.js'
import {
  ByteLengthQueuingStrategy,
  CountQueuingStrategy,
  ReadableByteStreamController,
  ReadableStream,
  ReadableStreamBYOBReader,
  ReadableStreamBYOBRequest,
  ReadableStreamDefaultController,
  ReadableStreamDefaultReader,
  TransformStream,
  TransformStreamDefaultController,
  WritableStream,
  WritableStreamDefaultController,
  WritableStreamDefaultWriter,
} from 'web-streams-polyfill'
import { AbortController, AbortSignal } from './abort.ts'
import { ATTACH_GLOBAL } from './attach.ts'
import { atob, btoa } from './base64.ts'
import { Blob, File } from './blob.ts'
import { CompressionStream, DecompressionStream } from './compression.ts'
import { console } from './console.ts'
import { Crypto, crypto } from './crypto.ts'
import { CryptoKey } from './crypto-key.ts'
import { DOMException } from './dom-exception.ts'
import { entry } from './entry.ts'
import { Event } from './event.ts'
import { CustomEvent, ErrorEvent, MessageEvent, PromiseRejectionEvent } from './event-kinds.ts'
import { EventTarget } from './event-target.ts'
import { fetch } from './fetch.ts'
import { FormData } from './form-data.ts'
import { installGlobalTarget } from './global-target.ts'
import { Headers } from './headers.ts'
import { installFunctions, installInterfaces } from './install.ts'
import { captureLatePrimordials } from './late-primordials.ts'
import { MessageChannel, MessagePort } from './message-channel.ts'
import { queueMicrotask } from './microtask.ts'
import { Navigator, navigator } from './navigator.ts'
import { Performance, performance, startClock } from './performance.ts'
import { define } from './primordials.ts'
import { QuotaExceededError } from './quota-exceeded-error.ts'
import { addEventListener, dispatchEvent, removeEventListener, reportError } from './report-error.ts'
import { Request } from './request.ts'
import { Response } from './response.ts'
import { seal } from './seal.ts'
import { structuredClone } from './structured-clone.ts'
import { SubtleCrypto } from './subtle.ts'
import { clearInterval, clearTimeout, setInterval, setTimeout } from './timers.ts'
import { URL } from './url.ts'
import { URLSearchParams } from './url-search-params.ts'
import { URLPattern } from './urlpattern.ts'
import { attachPost, type Post } from './wall.ts'

installInterfaces({
  ...{ DOMException, Event, CustomEvent, ErrorEvent, PromiseRejectionEvent, MessageEvent, EventTarget, AbortController, AbortSignal },
  ...{ MessageChannel, MessagePort },
  ...{ URL, URLSearchParams, URLPattern, TextEncoder, TextDecoder, TextEncoderStream, TextDecoderStream },
  ...{ ByteLengthQueuingStrategy, CountQueuingStrategy, ReadableByteStreamController, ReadableStream, ReadableStreamBYOBReader },
  ...{ ReadableStreamBYOBRequest, ReadableStreamDefaultController, ReadableStreamDefaultReader, TransformStream },
  ...{ TransformStreamDefaultController, WritableStream, WritableStreamDefaultController, WritableStreamDefaultWriter },
  ...{
    Blob,
    File,
    FormData,
    Headers,
    Request,
    Response,
    Crypto,
    CryptoKey,
    SubtleCrypto,
    CompressionStream,
    DecompressionStream,
    QuotaExceededError,
    Performance,
    Navigator,
  },
})
installFunctions({
  ...{ atob, btoa, structuredClone, queueMicrotask, reportError, fetch },
  ...{ setTimeout, setInterval, clearTimeout, clearInterval, addEventListener, removeEventListener, dispatchEvent },
  ...{ self: globalThis, crypto, performance, navigator },
})
define(globalThis, 'console', console, false)
installGlobalTarget()

/** Once per context, after a snapshot was restored. See attach.ts. */
function attach(post: Post, wasm: boolean): typeof entry {
  seal(wasm)
  captureLatePrimordials()
  startClock()
  attachPost(post)
  return entry
}
define(globalThis, ATTACH_GLOBAL, attach, false)
