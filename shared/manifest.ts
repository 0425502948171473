/** What a dropped manifest says: which objects become one run. Pure. */
import * as z from 'zod'
import { csvFields } from './csv-fields.ts'
import { MillraceError } from './errors.ts'
import { globMatcher } from './glob.ts'
import type { Pipeline } from './pipeline.ts'
import { manifestsPrefix } from './reserved.ts'

/** The pipeline whose manifest the key is: straight below its prefix, or a `manifest.json` of S3 Inventory anywhere. */
export function manifestPipeline(pipelines: readonly Pipeline[], key: string): Pipeline | undefined {
  if (!key.startsWith(manifestsPrefix)) return undefined
  const [name, ...rest] = key.slice(manifestsPrefix.length).split('/')
  if (rest.length !== 1 && rest.at(-1) !== 'manifest.json') return undefined
  return pipelines.find(pipeline => pipeline.name === name)
}

export interface ManifestEntry {
  /** Absent: the bucket of the manifest. */
  bucket?: string
  key: string
  version?: string
  /** Absent, with `etag`: asked of S3. */
  bytes?: number
  etag?: string
}

const globs = z.array(z.string().min(1).max(1024)).max(100).default([])
const documentSchema = z.strictObject({
  /** `logs/2024/` or `s3://bucket/logs/2024/`. */
  prefix: z.string().min(1).optional(),
  objects: z
    .array(z.strictObject({ bucket: z.string().optional(), key: z.string(), version: z.string().optional() }))
    .default([]),
  /** Of keys: `*` and `?` stop at a slash, `**` does not. None: all. */
  include: globs,
  exclude: globs,
})
export type ManifestDocument = z.output<typeof documentSchema>

const inventorySchema = z.object({
  destinationBucket: z.string(),
  fileFormat: z.string(),
  fileSchema: z.string(),
  files: z.array(z.object({ key: z.string(), size: z.number().optional() })),
})
export type Inventory = z.output<typeof inventorySchema>

export type ManifestKind = 'document' | 'lines'

/** Of its first bytes: one JSON document, or a line for each object. */
export function manifestKind(head: string): ManifestKind {
  const [line = ''] = withoutMark(head).trimStart().split('\n', 1)
  if (!line.startsWith('{')) return 'lines'
  const first = json(line)
  return isEntry(first) ? 'lines' : 'document'
}

/** Errors: BAD_INPUT with the refusal MANIFEST_INVALID or INVENTORY_FORMAT_NOT_SUPPORTED. */
export function parseManifest(text: string): { document: ManifestDocument } | { inventory: Inventory } {
  const value = json(withoutMark(text))
  if (typeof value === 'object' && value !== null && 'fileSchema' in value)
    return { inventory: inventory(value) }
  const result = documentSchema.safeParse(value)
  if (result.success) return { document: result.data }
  const faults = result.error.issues.map(({ path, message }) => `${path.join('.') || 'it'}: ${message}`)
  throw invalid(`the manifest is not valid: ${faults.join('; ')}`)
}

function inventory(value: object): Inventory {
  const result = inventorySchema.safeParse(value)
  if (!result.success) throw invalid('it names a fileSchema, yet it is no manifest.json of S3 Inventory')
  if (result.data.fileFormat === 'CSV') return result.data
  throw new MillraceError('BAD_INPUT', `the inventory is in the format ${result.data.fileFormat}`, {
    refusal: 'INVENTORY_FORMAT_NOT_SUPPORTED',
    remedy: 'Have S3 Inventory written as CSV, or drop a list of keys.',
  })
}

/** What a line of an inventory's CSV file means, by the names of `fileSchema`; `undefined`: no object to be read. */
export function inventoryEntry(line: string, schema: readonly string[]): ManifestEntry | undefined {
  const fields = csvFields(Buffer.from(line), { delimiter: ',', quote: '"' })
  const at = (name: string): string | undefined => fields[schema.indexOf(name)] || undefined
  const key = at('Key')
  if (key === undefined) return undefined
  if (at('IsLatest') === 'false' || at('IsDeleteMarker') === 'true') return undefined
  const [bucket, version, etag] = [at('Bucket'), at('VersionId'), at('ETag')]
  const size = /^\d{1,15}$/.exec(at('Size') ?? '')?.[0]
  return {
    ...(bucket === undefined ? {} : { bucket }),
    key: decoded(key),
    ...(version === undefined ? {} : { version }),
    ...(size === undefined || etag === undefined ? {} : { bytes: Number(size), etag }),
  }
}

/** S3 Inventory writes keys as URLs do. */
function decoded(key: string): string {
  try {
    return decodeURIComponent(key.replaceAll('+', ' '))
  } catch (cause) {
    throw invalid(`${key.slice(0, 100)} is no URL-encoded key`, cause)
  }
}

export function inventoryColumns(fileSchema: string): string[] {
  return fileSchema.split(',').map(name => name.trim())
}

/** Columns of an inventory's CSV file that has lost its manifest.json: only these are sure. */
const bareInventory = ['Bucket', 'Key']

/**
 * A line of a list: JSON of an object or of a key, an `s3://` URI, a row of an inventory, or a bare key.
 * @returns `undefined` for a blank line. Errors: BAD_INPUT with MANIFEST_INVALID.
 */
export function entryOfLine(line: string, number: number): ManifestEntry | undefined {
  const text = (number === 1 ? withoutMark(line) : line).replace(/\r$/, '')
  if (text.trim() === '') return undefined
  if (text.startsWith('s3://')) return ofUri(text, number)
  if (!text.startsWith('{') && !text.startsWith('"')) return { key: text }
  const value = json(text)
  if (typeof value === 'string') return value.startsWith('s3://') ? ofUri(value, number) : { key: value }
  if (isEntry(value)) return checkedEntry(value, number)
  const row = text.startsWith('"') ? inventoryEntry(text, bareInventory) : undefined
  if (row) return row
  throw invalid(`line ${number} names no object: ${text.slice(0, 100)}`)
}

const entrySchema = z.object({
  bucket: z.string().optional(),
  key: z.string().min(1),
  version: z.string().optional(),
})

function checkedEntry(value: object, number: number): ManifestEntry {
  const result = entrySchema.safeParse(value)
  if (!result.success) throw invalid(`line ${number} is not {"key": ..., "bucket": ..., "version": ...}`)
  const { bucket, key, version } = result.data
  return { key, ...(bucket === undefined ? {} : { bucket }), ...(version === undefined ? {} : { version }) }
}

function ofUri(uri: string, number: number): ManifestEntry {
  const found = /^s3:\/\/([^/]+)\/(.+)$/.exec(uri)
  if (found?.[1] === undefined || found[2] === undefined) {
    throw invalid(`line ${number} is no s3://bucket/key: ${uri.slice(0, 100)}`)
  }
  return { bucket: found[1], key: found[2] }
}

/** `s3://bucket/prefix` or a prefix of the manifest's own bucket. */
export function prefixPlace(prefix: string): { bucket?: string; prefix: string } {
  const found = /^s3:\/\/([^/]+)\/(.*)$/.exec(prefix)
  return found?.[1] === undefined ? { prefix } : { bucket: found[1], prefix: found[2] ?? '' }
}

/** Is the key one of those that the manifest wants? */
export function keyFilter({ include, exclude }: Pick<ManifestDocument, 'include' | 'exclude'>) {
  const [wanted, unwanted] = [include.map(globMatcher), exclude.map(globMatcher)]
  return (key: string): boolean =>
    (wanted.length === 0 || wanted.some(one => one(key))) && !unwanted.some(one => one(key))
}

function json(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isEntry(value: unknown): value is object {
  return typeof value === 'object' && value !== null && 'key' in value
}

function withoutMark(text: string): string {
  return text.replace(/^\ufeff/, '')
}

function invalid(words: string, cause?: unknown): MillraceError {
  return new MillraceError('BAD_INPUT', words, {
    cause,
    refusal: 'MANIFEST_INVALID',
    remedy: 'docs/pipelines.md shows the lists that are understood; correct this one and drop it again.',
  })
}
