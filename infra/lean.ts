/** What keeps a function's bundle small, beside importing little. Each is worth 60 to 150 KiB of each bundle. */
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import type { OnLoadArgs, OnLoadResult, Plugin } from 'esbuild'

const root = path.resolve(import.meta.dirname, '..')

/** @returns a plugin that loads the files matching `filter` with their text changed by `edit` */
function edited(name: string, filter: RegExp, edit: (text: string) => string): Plugin {
  const load = async ({ path: file }: OnLoadArgs): Promise<OnLoadResult> => ({
    contents: edit(await readFile(file, 'utf8')),
    loader: file.endsWith('.ts') ? 'ts' : 'js',
  })
  return { name, setup: building => building.onLoad({ filter }, load) }
}

/**
 * The doorway imports what it reaches late, for the local stack has no use for it. Of what is imported late esbuild
 * cannot leave anything out, and a function would load it during its first event instead of before.
 */
export const importAtOnce = edited('import-at-once', /functions[/\\]doorway[/\\]\w+\.ts$/, text => {
  const early: string[] = []
  const rest = text.replace(/await import\(('[^']+')\)/g, (_, specifier) => {
    early.push(`import * as early${early.length} from ${specifier};`)
    return `early${early.length - 1}`
  })
  // On the first line, so that the places in the source map stay.
  return early.join('') + rest
})

/**
 * A client describes every shape of its service as `{ [_name]: ... }`, and for all that esbuild knows, `_name` might
 * be an object with a `toString` that does something. They are constants of the same file; once they are written
 * out, it leaves out the shapes that no used call names.
 */
export const plainSchemas = edited('plain-schemas', /[/\\]schemas[/\\]schemas_\d+\.js$/, text => {
  const constants = new Map(
    [...text.matchAll(/^const (_\w*) = ("[^"\\\n]*");$/gm)].map(([, name, value]) => [name, value]),
  )
  return text.replace(/\[(_\w*)\]:/g, (whole, name: string) =>
    constants.has(name) ? `${constants.get(name)}:` : whole,
  )
})

/** Lambda hands credentials in by the environment; profiles, SSO, instance metadata and their clients are for people. */
export const lambdaCredentials: Plugin = {
  name: 'lambda-credentials',
  setup(building) {
    const namespace = 'lambda-credentials'
    building.onResolve({ filter: /^@aws-sdk\/credential-provider-node$/ }, () => ({
      path: namespace,
      namespace,
      sideEffects: false,
    }))
    building.onLoad({ filter: /./, namespace }, () => ({
      contents: `export { fromEnv as defaultProvider } from '@aws-sdk/credential-provider-env'`,
      resolveDir: root,
    }))
  },
}
