import { URL, URLSearchParams } from 'whatwg-url'
import { URLSearchParams as Wrapper } from 'whatwg-url/webidl2js-wrapper.js'

export { URL, URLSearchParams }
export const isSearchParams = Wrapper.is
