/** What the mischief cost: from the workers' own logs and the records of their partitions. */
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import type { Certificate } from '../../shared/certificate.ts'
import type { RunRecord } from '../../shared/records.ts'
import type { Town } from './town.ts'

export interface Figures {
  partitions: number
  attempts: number
  /** Attempts that killed themselves, as they were asked. */
  died: number
  /** Functions that died in mid-call. */
  functionsDied: number
  bytesRead: number
  /** Read by attempts that no certificate names, as far as they lived to say so. */
  bytesRepeated: number
  /** The same, and the whole planned range of each attempt that ended before it could say. */
  bytesRepeatedMost: number
  failures: Record<string, number>
}

interface Line {
  message?: string
  runId?: string
  partition?: number
  fence?: number
  bytesRead?: number
  start?: number
  end?: number
}

interface Attempt {
  partition: string
  fence: number
  bytesRead?: number
  bytesPlanned: number
}

export async function figuresOf({ dataDir }: Town, runs: readonly RunRecord[]): Promise<Figures> {
  const published = [...new Map(runs.map(run => [run.runId, run])).values()]
  const certificates = published.flatMap(({ certificate }) =>
    certificate === undefined ? [] : [read(dataDir, certificate)],
  )
  const official = new Set(certificates.flatMap(officialAttempts))
  const logs = path.join(dataDir, 'logs')
  const { attempts, died } = attemptsIn(logs)
  const known = attempts.filter(({ bytesRead }) => bytesRead !== undefined)
  const bytesRepeated = bytesReadBy(known.filter(one => !official.has(`${one.partition} ${one.fence}`)))
  const silent = attempts.filter(({ bytesRead }) => bytesRead === undefined)
  const unknown = silent.reduce((total, { bytesPlanned }) => total + bytesPlanned, 0)
  return {
    partitions: new Set(attempts.map(({ partition }) => partition)).size,
    attempts: attempts.length,
    died,
    functionsDied: functionsThatDied(path.join(logs, 'functions.ndjson')),
    bytesRead: bytesReadBy(known),
    bytesRepeated,
    bytesRepeatedMost: bytesRepeated + unknown,
    failures: failuresIn(certificates),
  }
}

function bytesReadBy(attempts: readonly Attempt[]): number {
  return attempts.reduce((total, { bytesRead = 0 }) => total + bytesRead, 0)
}

function read(dataDir: string, certificate: string): Certificate {
  return JSON.parse(readFileSync(path.join(dataDir, 'objects', 'output', certificate), 'utf8')) as Certificate
}

function officialAttempts({ runId, partitions }: Certificate): string[] {
  return partitions.map(({ partition, attempt }) => `${runId} ${partition} ${attempt}`)
}

/** Those of the work stage that claimed their partition; only they read the source by ranges. */
function attemptsIn(logs: string): { attempts: Attempt[]; died: number } {
  const attempts: Attempt[] = []
  let died = 0
  for (const entry of readdirSync(logs, { recursive: true, withFileTypes: true })) {
    if (!entry.name.endsWith('.log')) continue
    const lines = linesOf(path.join(entry.parentPath, entry.name))
    if (lines.some(({ message }) => message === 'dies, as asked')) died++
    const claimed = lines.find(({ message }) => message === 'claimed')
    if (claimed?.partition === undefined || claimed.partition >= 50_000_000) continue
    const bytesRead = lines.findLast(({ message }) => message === 'read')?.bytesRead
    attempts.push({
      partition: `${claimed.runId} ${claimed.partition}`,
      fence: claimed.fence ?? 0,
      ...(bytesRead === undefined ? {} : { bytesRead }),
      bytesPlanned: (claimed.end ?? 0) - (claimed.start ?? 0),
    })
  }
  return { attempts, died }
}

/** The last line may have been cut off. */
function linesOf(file: string): Line[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .flatMap(line => {
      try {
        return [JSON.parse(line) as Line]
      } catch {
        return []
      }
    })
}

function functionsThatDied(file: string): number {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter(line => /"a function failed/.test(line) && /as asked/.test(line)).length
}

function failuresIn(certificates: readonly Certificate[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { partitions, merges = [] } of certificates) {
    for (const { code } of [...partitions, ...merges].flatMap(({ failures }) => failures)) {
      counts[code] = (counts[code] ?? 0) + 1
    }
  }
  return counts
}
