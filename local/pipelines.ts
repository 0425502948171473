/** Pipeline files of a folder anywhere: TypeScript or JavaScript, imported as they are. */
import { createHash } from 'node:crypto'
import { existsSync, readdirSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { MillraceError } from '../shared/errors.ts'
import type { Pipeline } from '../shared/pipeline.ts'
import { pipelineSet } from '../shared/pipelines.ts'

const pipelineFile = /\.(ts|mts|js|mjs)$/
let hooked = false

/**
 * Errors: NOT_FOUND where the folder has no pipeline, PIPELINE_INVALID with all faults of all files, also where a
 * file does not load.
 */
export async function loadPipelines(folder: string): Promise<Pipeline[]> {
  const files = filesOf(resolve(folder))
  resolveMillrace()
  const loaded: Record<string, unknown> = {}
  for (const file of files) loaded[file] = await definitionIn(join(resolve(folder), file))
  return pipelineSet(loaded)
}

/** By name, a mark that changes with the definition: a stack goes on with what it was started with. */
export function pipelineMarks(pipelines: readonly Pipeline[]): Record<string, string> {
  return Object.fromEntries(pipelines.map(pipeline => [pipeline.name, markOf(pipeline)]))
}

function markOf(pipeline: Pipeline): string {
  return createHash('sha256').update(JSON.stringify(pipeline)).digest('hex').slice(0, 16)
}

function filesOf(folder: string): string[] {
  const files = existsSync(folder) ? readdirSync(folder).filter(isPipelineFile).toSorted() : []
  if (files.length > 0) return files
  throw new MillraceError('NOT_FOUND', `No pipeline file in ${folder}`, {
    remedy: 'Give the folder with --pipelines; each file exports one pipeline as its default.',
  })
}

function isPipelineFile(name: string): boolean {
  return pipelineFile.test(name) && !name.endsWith('.d.ts') && !name.startsWith('.')
}

async function definitionIn(path: string): Promise<unknown> {
  try {
    const module = (await import(pathToFileURL(path).href)) as { default?: unknown }
    return module.default
  } catch (cause) {
    const words = cause instanceof Error ? cause.message : String(cause)
    throw new MillraceError('PIPELINE_INVALID', `${path} does not load: ${words}`, {
      cause,
      remedy: "Correct the file; import definePipeline from 'millrace'.",
    })
  }
}

/** A folder outside the checkout has no node_modules to find us in: `import ... from 'millrace'` means this house. */
function resolveMillrace(): void {
  if (hooked) return
  hooked = true
  const url = new URL('../shared/pipeline.ts', import.meta.url).href
  registerHooks({
    resolve: (specifier, context, next) =>
      specifier === 'millrace' ? { url, shortCircuit: true } : next(specifier, context),
  })
}
