/** JSON Schema 2020-12, as far as this description uses it. */
export interface Schema {
  readonly $ref?: string
  readonly type?: string | readonly string[]
  readonly description?: string
  readonly enum?: readonly (string | number)[]
  readonly const?: string
  readonly pattern?: string
  readonly format?: string
  readonly minimum?: number
  readonly exclusiveMinimum?: number
  readonly maximum?: number
  readonly minItems?: number
  readonly maxItems?: number
  readonly default?: unknown
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean | Schema
  readonly items?: Schema
  readonly allOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
  readonly contentMediaType?: string
  readonly examples?: readonly unknown[]
  /** Of a problem's code: the statuses it comes with. */
  readonly 'x-isolane-statuses'?: readonly number[]
}

export interface MediaType {
  readonly schema?: Schema
  readonly example?: unknown
}

export type Content = Readonly<Record<string, MediaType>>

export interface Reference {
  readonly $ref: string
}

export interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query' | 'header'
  readonly description: string
  readonly required?: boolean
  readonly schema: Schema
  readonly example?: unknown
}

export interface Header {
  readonly description: string
  readonly schema: Schema
  readonly example?: string
}

export interface Answer {
  readonly description: string
  readonly headers?: Readonly<Record<string, Header | Reference>>
  readonly content?: Content
}

/** By status, in ascending order: JavaScript keeps keys that are integers so. */
export type Answers = Readonly<Record<string, Answer>>

export interface Operation {
  readonly operationId: string
  readonly tags?: readonly string[]
  readonly summary: string
  readonly description?: string
  /** One of these is enough; `{}` among them: none is needed for some calls. Empty: open. The texts are scopes of the key. */
  readonly security: readonly Readonly<Record<string, readonly string[]>>[]
  readonly parameters?: readonly (Parameter | Reference)[]
  readonly requestBody?: { readonly description: string; readonly required: boolean; readonly content: Content }
  readonly responses: Answers
  readonly 'x-codeSamples': readonly { readonly lang: string; readonly label: string; readonly source: string }[]
}

export const METHODS = ['get', 'head', 'post', 'put', 'patch', 'delete', 'options'] as const
export type Method = (typeof METHODS)[number]

/** `x-isolane-any-method`: every method does the same, so that a reader needs it told once. */
export type PathItem = { readonly [M in Method]?: Operation } & { readonly 'x-isolane-any-method'?: true }

/** In the order they are written. */
export function operationsOf(item: PathItem): [Method, Operation][] {
  return Object.entries(item).filter((entry): entry is [Method, Operation] => METHODS.some((method) => method === entry[0]))
}

/** One chapter of the description. */
export interface Subject {
  readonly name: string
  readonly description: string
  readonly paths: Readonly<Record<string, PathItem>>
  readonly schemas: Readonly<Record<string, Schema>>
}

export interface OpenApiDocument {
  readonly openapi: '3.1.1'
  readonly info: {
    readonly title: string
    readonly version: string
    readonly summary: string
    readonly description: string
    readonly license: object
  }
  readonly servers: readonly { readonly url: string; readonly description: string }[]
  readonly tags: readonly { readonly name: string; readonly description: string }[]
  readonly paths: Readonly<Record<string, PathItem>>
  readonly components: {
    readonly schemas: Readonly<Record<string, Schema>>
    readonly parameters: Readonly<Record<string, Parameter>>
    readonly headers: Readonly<Record<string, Header>>
    readonly securitySchemes: Readonly<Record<string, Readonly<Record<string, string>>>>
  }
}
