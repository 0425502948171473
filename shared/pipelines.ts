/** All pipelines of a stage, checked together. Pure. */
import { MillraceError } from './errors.ts'
import { type Pipeline, parsePipeline } from './pipeline.ts'

/**
 * @param files the default export of each pipeline file, by its name
 * Errors: PIPELINE_INVALID with the faults of every file at once.
 */
export function pipelineSet(files: Record<string, unknown>): Pipeline[] {
  const pipelines: Pipeline[] = []
  const faults: MillraceError[] = []
  for (const [file, input] of Object.entries(files)) {
    try {
      pipelines.push(parsePipeline(input, file))
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error
      faults.push(error)
    }
  }
  const messages = [...faults.map(({ message }) => message), ...clashes(pipelines)]
  if (messages.length === 0) return pipelines
  throw new MillraceError('PIPELINE_INVALID', messages.join('\n'), {
    faults: faults.flatMap(fault => fault.faults),
    remedy: 'Correct the lines above.',
  })
}

/** Two pipelines must not share a name, nor take the very same prefix of a bucket: the longest prefix decides. */
function clashes(pipelines: readonly Pipeline[]): string[] {
  const names = pipelines.map(({ name }) => name)
  const places = pipelines.map(({ source }) => placeWords(source))
  return [
    ...repeated(names).map(name => `Two pipelines are named ${name}. Rename one.`),
    ...repeated(places).map(place => `Two pipelines take ${place}. Change source.prefix of one.`),
  ]
}

function placeWords({ bucket, prefix }: Pipeline['source']): string {
  if (bucket === undefined) return `the prefix ${prefix}`
  return prefix === '' ? `all of the bucket ${bucket}` : `the prefix ${prefix} of the bucket ${bucket}`
}

function repeated(values: readonly string[]): string[] {
  return [...new Set(values.filter((value, at) => values.indexOf(value) !== at))]
}
