/** The repository's own files, read for the rules that hold of them. */
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

export const root = path.resolve(import.meta.dirname, '../..')

/** What git ignores, and git itself. */
const skipped = new Set(['.git', '.millrace', '.second-opinions', '.serverless', 'dist', 'node_modules'])

export interface SourceFile {
  /** From the root, with slashes. */
  name: string
  text: string
  /** Without comments. */
  code: string
}

/** Every file, binary ones as far as they are text. */
export const allFiles: readonly SourceFile[] = filesBelow('.')

/** TypeScript that runs: neither tests nor users' pipelines. */
export const sources = allFiles.filter(
  ({ name }) => name.endsWith('.ts') && !/^(test|pipelines)\//.test(name),
)

export const inFolder = (folder: string): SourceFile[] =>
  sources.filter(({ name }) => name.startsWith(`${folder}/`))

/** Files directly in a folder. */
export const directlyIn = (folder: string): SourceFile[] =>
  sources.filter(({ name }) => path.posix.dirname(name) === folder)

export function textOf(name: string): string {
  return readFileSync(path.join(root, name), 'utf8')
}

function filesBelow(folder: string): SourceFile[] {
  return readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap(entry => {
    const name = path.posix.join(folder, entry.name)
    if (skipped.has(entry.name) || entry.name.endsWith('.log')) return []
    if (entry.isDirectory()) return filesBelow(name)
    const text = textOf(name)
    return [{ name, text, code: withoutComments(text) }]
  })
}

/** Strings are kept whole, so that `'https://...'` is no comment. */
export function withoutComments(text: string): string {
  const stringOrComment =
    /('(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`)|\/\*[\s\S]*?\*\/|(?<!\\)\/\/[^\n]*/g
  return text.replace(stringOrComment, (_, string: string | undefined) => string ?? '')
}

/** Specifiers of all imports and re-exports, dynamic ones included. */
export function importsOf({ code }: SourceFile): string[] {
  const importing = /\b(?:from\s*|import\s*\(?\s*)['"]([^'"]+)['"]/g
  return [...code.matchAll(importing)].map(([, specifier]) => specifier ?? '')
}

/** `file:line: what` for every match in what is not a comment. */
export function found(
  files: readonly SourceFile[],
  pattern: RegExp,
  part: 'code' | 'text' = 'code',
): string[] {
  return files.flatMap(file =>
    [...file[part].matchAll(new RegExp(pattern, 'g'))].map(
      ([match]) => `${file.name}: ${match.trim().slice(0, 80)}`,
    ),
  )
}
