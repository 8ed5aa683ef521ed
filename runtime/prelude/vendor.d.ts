declare module 'whatwg-url' {
  export class URL {
    constructor(url: unknown, base?: unknown)
    readonly href: string
    readonly username: string
    readonly password: string
  }
  export class URLSearchParams implements Iterable<[string, string]> {
    constructor(init?: unknown)
    append(name: string, value: string): void
    [Symbol.iterator](): Iterator<[string, string]>
    toString(): string
  }
}

declare module 'whatwg-url/webidl2js-wrapper.js' {
  export const URLSearchParams: { is(value: unknown): boolean }
}
