/** What a partition reads, as logical bytes: decompressed, and without a care for where they come from. */
import type { Assignment, Position, RunDocument } from '../../shared/documents.ts'
import { unitBytesOf } from '../../shared/encoding.ts'
import { recordBytesOf } from '../../shared/fixed.ts'
import type { Pipeline } from '../../shared/pipeline.ts'
import type { ByteRange, Objects } from '../../shared/ports.ts'
import { avroObjects } from '../avro/objects.ts'
import { avroStretch } from '../avro/stretch.ts'
import type { Leave } from '../notice/leave.ts'
import { bytesFrom } from './bytes.ts'
import { blockStretches } from './compressed/blocks.ts'
import { wholeStretch } from './compressed/whole.ts'
import type { RecordFormat } from './format.ts'
import { objectStretches } from './objects.ts'
import { piecesFrom } from './pieces.ts'

/** Consecutive logical bytes from which a partition takes records; offsets count from a place of its own choice. */
export interface Stretch {
  /** Offset of the first byte that `chunks` gives. */
  from: number
  /** A record is known to begin here. Absent: the first begin at or behind `start` is found by scanning. */
  first?: number
  start: number
  /** Records that begin before it belong to the partition. Infinity as long as it is not known. */
  end(): number
  /** On to the end of the source, if nobody leaves the loop. Errors: those of reading, BAD_INPUT. */
  chunks(): AsyncIterable<Buffer>
  /** Where a byte that was read, or the one behind the last, lies in the source. */
  position(offset: number): Position
  /** Where the range begins if not with its first record: a header is in it. */
  opens?: Position
  /** Takes these bytes of the source whole, however many records are in them. */
  covers?: ByteRange
  /** No other partition could go on in the middle of it. */
  indivisible?: true
  /** Of many objects: it ends with its object. */
  toObjectEnd?: true
  /** Set by `chunks`: where it left off of itself. */
  left?: Position
  /** What was skipped at `from` is not known: the scanner may have to guess. */
  guessed: boolean
  /** Of many objects: the one it lies in, which faults then name. */
  key?: string
  /** Of many objects: lines of that one before its first record. */
  skipLines?: number
  /** Of an object whose fields stand in another order than the run's. */
  format?: RecordFormat
}

export interface StretchSource {
  objects: Objects
  run: RunDocument
  assignment: Assignment
  signal?: AbortSignal | undefined
  leave?: Leave | undefined
  /** Reads no record that begins here or behind; absent: on to the partition's end. */
  until?: Position | undefined
}

/** The stretches of a partition, in order. */
export async function* stretchesOf(source: StretchSource): AsyncGenerator<Stretch> {
  const { format, space } = source.run.layout
  const { start, end } = source.assignment
  if (start >= end) return
  if (space === 'objects') return yield* format === 'avro' ? avroObjects(source) : objectStretches(source)
  if (format === 'avro') return yield avroStretch(source)
  if (space === 'blocks') return yield* blockStretches(source)
  yield space === 'whole' ? wholeStretch(source) : flatStretch(source)
}

/** A byte range of an object that is as it is, or of what the split stage laid down. */
export function flatStretch({ objects, run, assignment }: StretchSource): Stretch {
  const { from, first } = beginning(run, assignment)
  const { start, end } = assignment
  const known = assignment.exactStart ?? assignment.scanFrom
  return {
    from,
    ...(first === undefined ? {} : { first }),
    start,
    end: () => end,
    chunks: () =>
      run.pieces
        ? piecesFrom(objects, run, from, Math.max(from, end))
        : bytesFrom(objects, run.source, from, Math.max(from, end)),
    position: at => ({ at }),
    guessed: known === undefined && start > run.dataStart,
  }
}

/** Where to read from, and the first record's begin where it is known already. */
function beginning(
  { dataStart, layout, pipeline }: RunDocument,
  { exactStart, scanFrom, start }: Assignment,
): { from: number; first?: number } {
  if (exactStart !== undefined) return { from: exactStart, first: exactStart }
  if (scanFrom !== undefined)
    return scanFrom < start ? { from: scanFrom } : { from: scanFrom, first: scanFrom }
  if (start <= dataStart) return { from: dataStart, first: dataStart }
  const known = firstRecord(pipeline.source, dataStart, start)
  if (known !== undefined) return { from: known, first: known }
  const unitBytes = unitBytesOf(layout.encoding)
  return { from: Math.max(dataStart, start - unitBytes - ((start - dataStart) % unitBytes)) }
}

/** At or behind `start`, where records have all as many bytes. */
function firstRecord(source: Pipeline['source'], dataStart: number, start: number): number | undefined {
  const recordBytes = recordBytesOf(source)
  return recordBytes && dataStart + Math.ceil((start - dataStart) / recordBytes) * recordBytes
}
