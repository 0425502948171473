/**
 * What build.ts compiles into every function in the place of this specifier. It exists in the bundle alone:
 * elsewhere nothing may import it statically.
 */
declare module 'millrace:pipelines' {
  /** The default export of every file of the pipelines folder, not yet checked; in order of the file's name. */
  export const definitions: readonly { readonly file: string; readonly definition: unknown }[]
}
