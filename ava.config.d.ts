declare const config: { readonly files: readonly string[] }
export default config
