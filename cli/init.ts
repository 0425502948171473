/** `millrace init <sample...>`: a pipeline file that takes files like these, for a person to review. */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { loadPipelines } from '../local/pipelines.ts'
import { MillraceError } from '../shared/errors.ts'
import type { Format } from '../shared/layout.ts'
import { type Pipeline, type PipelineInput, parsePipeline } from '../shared/pipeline.ts'
import { streamOf } from '../shared/plan/compression.ts'
import type { InferredColumn } from '../shared/plan/infer-columns.ts'
import { isRefusal, type Refusal } from '../shared/plan/refusal.ts'
import { type Look, planRun, runIdOf } from '../shared/plan.ts'
import { agreed, columnsOf } from '../shared/sample/agree.ts'
import type { Sample } from '../shared/sample/findings.ts'
import { textSample } from '../shared/sample/sample.ts'
import { lookAtFile } from './look.ts'
import type { GlobalOptions } from './options.ts'
import { pipelineText } from './pipeline-text.ts'

export interface InitOptions extends GlobalOptions {
  name?: string
  prefix?: string
  stdout: boolean
}

/** What is written, and why. */
export interface Draft {
  pipeline: PipelineInput
  files: string[]
  records: number
  columns: InferredColumn[]
  notes: string[]
}

/** @returns 0. Errors: NOT_FOUND, BAD_INPUT, NOT_ALLOWED where a file would be overwritten */
export async function initPipeline(files: string[], options: InitOptions): Promise<number> {
  const draft = await draftOf(files, options)
  const text = pipelineText(draft, options.pipelinesDir)
  const file = join(options.pipelinesDir, `${draft.pipeline.name}.ts`)
  if (!options.stdout) await write(file, text, draft, options.pipelinesDir)
  if (options.json) {
    const { pipeline, records, columns, notes } = draft
    const written = options.stdout ? {} : { file }
    process.stdout.write(`${JSON.stringify({ ...written, pipeline, records, columns, notes, text })}\n`)
  } else process.stdout.write(options.stdout ? text : wordsOf(file, draft))
  return 0
}

async function draftOf(files: string[], { name, prefix }: InitOptions): Promise<Draft> {
  const samples: [string, Sample][] = []
  for (const file of files) samples.push([basename(file), await sampleOf(file)])
  const sample = agreed(samples)
  const title = name ?? nameOf(files[0] ?? '')
  const columns = columnsOf(sample)
  const typed =
    sample.kind === 'none' ? {} : { columns: Object.fromEntries(columns.map(each => [each.name, each.type])) }
  const source = { prefix: prefix ?? `${title}/`, ...sample.source, ...typed }
  const sql = sample.kind === 'json' ? 'SELECT * EXCLUDE (_json) FROM input' : 'SELECT * FROM input'
  const input = { name: title, source, work: { sql }, output: { prefix: `${title}/` } }
  const pipeline = parsePipeline(input, 'the new pipeline')
  for (const file of files) await planned(pipeline, file)
  const { records, notes } = sample
  return { pipeline: input as PipelineInput, files: samples.map(([file]) => file), records, columns, notes }
}

/** Bare of any setting, for what tells its own columns. */
function bare(format: Format): Pipeline {
  const input = {
    name: 'sample',
    source: { prefix: 'sample/', format },
    work: { sql: 'SELECT 1' },
    output: { prefix: 'out/' },
  }
  return parsePipeline(input, 'a sample')
}

async function sampleOf(file: string): Promise<Sample> {
  const look = lookAtFile(file, basename(file))
  const typed = typedFormat(look)
  if (typed) return { source: { format: typed }, values: new Map(), kind: 'none', records: 0, notes: [] }
  const stream = await streamOf(bare('csv'), look)
  return orThrow(file, isRefusal(stream) ? stream : textSample(stream.head))
}

/** Formats that say what they are in their first four bytes. */
function typedFormat({ head }: Look): 'parquet' | 'avro' | undefined {
  const magic = head.toString('latin1', 0, 4)
  if (magic === 'PAR1') return 'parquet'
  return magic === 'Obj\x01' ? 'avro' : undefined
}

/** What was found must do for the very sample. */
async function planned(pipeline: Pipeline, file: string): Promise<void> {
  const look = lookAtFile(file, `${pipeline.source.prefix}${basename(file)}`)
  orThrow(file, await planRun(runIdOf(pipeline.name, look.source, 'init'), pipeline, look))
}

function orThrow<Answer extends object>(file: string, answer: Answer | Refusal): Answer {
  if (!isRefusal(answer)) return answer
  const { code, words, remedy } = answer
  throw new MillraceError('BAD_INPUT', `${file}: ${code}: ${words}`, { refusal: code, remedy })
}

/** Of the file, without its endings: `Sales 2024.csv.gz` is `sales-2024`. */
function nameOf(file: string): string {
  const name = basename(file)
    .replace(/(?<!^)\.[^.]*$/, '')
    .replace(/\.(csv|tsv|txt|json|ndjson|jsonl|log)$/i, '')
  const plain = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+|-+$/g, '')
  return plain.slice(0, 40).replace(/-+$/, '') || 'sample'
}

async function write(file: string, text: string, { pipeline }: Draft, folder: string): Promise<void> {
  const others = existsSync(folder) && readdirSync(folder).length > 0 ? await loadPipelines(folder) : []
  const clash = others.find(
    ({ name, source }) =>
      name === pipeline.name || (source.bucket === undefined && source.prefix === pipeline.source.prefix),
  )
  if (clash || existsSync(file)) {
    const taken = clash
      ? `The pipeline ${clash.name} (prefix ${clash.source.prefix}) is there already`
      : `${file} is there already`
    throw new MillraceError('NOT_ALLOWED', `${taken}; nothing was written`, {
      remedy: 'Give another --name and --prefix, or look at it with --stdout.',
    })
  }
  mkdirSync(folder, { recursive: true })
  writeFileSync(file, text, { flag: 'wx' })
}

function wordsOf(file: string, { pipeline, columns, notes, files, records }: Draft): string {
  const uncertain = columns.flatMap(({ name, type, note }) => (note ? [`${name} ${type}: ${note}`] : []))
  const review = [...notes, ...uncertain].map(words => `  review: ${words}\n`)
  const looked = records === 0 ? '' : ` (${records} records looked at)`
  const folder = relative('', dirname(file))
  const where = folder === 'pipelines' ? '' : ` --pipelines ${folder || '.'}`
  const next = `npx millrace plan <file> --pipeline ${pipeline.name}${where}`
  return `wrote ${file} from ${files.join(', ')}${looked}\n${review.join('')}next:  ${next}\n`
}
