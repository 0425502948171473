/** What was measured per format, as Markdown. Ratios are of the same turn; figures are medians over the turns. */
import type { Measured } from './contestants/contestant.ts'
import { duckdbName, findName, splitName, workName } from './contestants/contestants.ts'
import type { FormatResult } from './formats.ts'

const MB = 1e6

/** Errors: contestants that found different numbers of records. */
export function formatTables(results: readonly FormatResult[]): string {
  for (const result of results) refuseDisagreement(result)
  return [...results.map(formatTable), shareTable(results)].join('\n\n')
}

/** Speeds of readers that read different things say nothing. */
function refuseDisagreement({ title, turns }: FormatResult): void {
  const counts = [...turns].map(([name, measured]) => ({
    name,
    found: [...new Set(measured.map(({ records }) => records))].join(' or '),
  }))
  if (new Set(counts.map(({ found }) => found)).size <= 1) return
  throw new Error(`${title}: ${counts.map(({ name, found }) => `${found} by ${name}`).join('; ')}`)
}

function formatTable({ title, bytes, contentBytes, turns }: FormatResult): string {
  const records = [...turns.values()][0]?.[0]?.records ?? 0
  const inside = contentBytes === undefined ? '' : ` (${(contentBytes / MB).toFixed(1)} MB decompressed)`
  const bare = turns.get(duckdbName)
  const best = bestLibrary(turns)
  const rows = [...turns].map(([name, own]) => {
    const ms = median(own.map(each => each.ms))
    const speed = (bytes / MB / (ms / 1000)).toFixed(0)
    const cpu = (median(own.map(each => each.cpuMs)) / 1000).toFixed(2)
    const peak = median(own.map(each => each.peakRssMiB)).toFixed(0)
    return `| ${name} | ${(ms / 1000).toFixed(2)} | ${speed} | ${relative(own, bare)} | ${relative(own, best)} | ${cpu} | ${peak} |`
  })
  return [
    `### ${title}`,
    '',
    `${(bytes / MB).toFixed(1)} MB${inside}, ${records} records.`,
    '',
    '| | s | MB/s | speed relative to bare DuckDB | to the fastest library | CPU s | peak MiB |',
    '|---|---|---|---|---|---|---|',
    ...rows,
  ].join('\n')
}

function bestLibrary(turns: FormatResult['turns']): Measured[] | undefined {
  const libraries = [...turns].filter(([name]) => name !== duckdbName && !name.startsWith('Millrace'))
  const byMs = libraries.map(([, own]) => own).toSorted((a, b) => medianMs(a) - medianMs(b))
  return byMs[0]
}

/** How many times as fast, turn by turn. */
function relative(own: readonly Measured[], other: readonly Measured[] | undefined): string {
  if (other === undefined) return ''
  return median(own.map(({ ms }, turn) => (other[turn]?.ms ?? Number.NaN) / ms)).toFixed(2)
}

/** What cutting at any byte costs of all that a worker does, in CPU. */
function shareTable(results: readonly FormatResult[]): string {
  const rows = results.flatMap(({ title, turns }) => {
    const find = turns.get(findName)
    const work = turns.get(workName)
    if (find === undefined || work === undefined) return []
    const share = median(find.map(({ cpuMs }, turn) => cpuMs / (work[turn]?.cpuMs ?? Number.NaN)))
    const split = turns.get(splitName)
    const before = split ? (medianCpu(split) / 1000).toFixed(2) : ''
    const cpu = `${(medianCpu(find) / 1000).toFixed(2)} | ${(medianCpu(work) / 1000).toFixed(2)}`
    return [`| ${title} | ${cpu} | ${(100 * share).toFixed(0)} % | ${before} |`]
  })
  return [
    '### Of the CPU of a worker, what finding its records takes',
    '',
    '| | finding the records, CPU s | the whole work, CPU s | share | split stage before it, CPU s |',
    '|---|---|---|---|---|',
    ...rows,
  ].join('\n')
}

const medianMs = (measured: readonly Measured[]): number => median(measured.map(({ ms }) => ms))
const medianCpu = (measured: readonly Measured[]): number => median(measured.map(({ cpuMs }) => cpuMs))

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
