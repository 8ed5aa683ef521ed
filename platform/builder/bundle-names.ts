/** Prefix of uploaded modules in what esbuild says of them. */
export const NAMESPACE = 'upload'
