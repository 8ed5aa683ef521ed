// By its file: the package's main module puts it on the global object by itself.
export { URLPattern } from 'urlpattern-polyfill/urlpattern'
