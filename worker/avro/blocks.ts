/** The blocks of an Avro object container file that begin in a range. */
import { AvroCursor, AvroFault } from '../../shared/avro/cursor.ts'
import { syncBytes } from '../../shared/avro/header.ts'
import { MillraceError } from '../../shared/errors.ts'
import { Input } from '../read/input.ts'
import { blockBytesMax } from './codec.ts'

export interface Block {
  /** Of its first byte in the object. */
  at: number
  /** Behind its sync marker. */
  end: number
  records: number
  /** As it stands; valid until the next block is asked for. */
  data: Buffer
}

export interface BlockRange {
  /** A block is known to begin here; absent: the first one at or behind `start` is searched for. */
  exact?: number
  start: number
  end: number
  /** Of the object. */
  fileEnd: number
  sync: Buffer
}

/** Two long numbers. */
const blockHeadBytesMax = 20

/** Errors: BAD_INPUT (refusal AVRO_CORRUPT), and those of `chunks`, which give the object on from the range's begin. */
export async function* blocksOf(
  { exact, start, end, fileEnd, sync }: BlockRange,
  chunks: AsyncIterable<Buffer>,
): AsyncGenerator<Block> {
  const input = new Input(chunks, exact ?? start - syncBytes)
  try {
    if (exact === undefined && !(await seekBlock(input, end, sync))) return
    while (input.at < end && input.at < fileEnd) {
      const block = await blockAt(input, sync)
      if (typeof block === 'string') throw corrupt(input.at, block)
      if (block.at >= start) yield block
      input.skip(block.end - input.at)
    }
  } finally {
    await input.close()
  }
}

/** To the first place behind a sync marker from which on a whole, sound block can be read. */
async function seekBlock(input: Input, end: number, sync: Buffer): Promise<boolean> {
  while (input.at + syncBytes < end) {
    const bytes = await input.peek(Math.max(syncBytes, input.held))
    if (bytes.length < syncBytes) return false
    const found = bytes.indexOf(sync)
    input.skip(found === -1 ? bytes.length - syncBytes + 1 : found)
    if (found === -1) continue
    if (input.at + syncBytes >= end) return false
    if (await isBlock(input, sync)) {
      input.skip(syncBytes)
      return true
    }
    input.skip(1)
  }
  return false
}

async function isBlock(input: Input, sync: Buffer): Promise<boolean> {
  const head = headOf((await input.peek(syncBytes + blockHeadBytesMax)).subarray(syncBytes))
  if (typeof head === 'string') return false
  const wanted = syncBytes + head.dataAt + head.bytes + syncBytes
  const all = await input.peek(wanted)
  return all.length >= wanted && all.subarray(wanted - syncBytes, wanted).equals(sync)
}

async function blockAt(input: Input, sync: Buffer): Promise<Block | string> {
  const head = headOf(await input.peek(blockHeadBytesMax))
  if (typeof head === 'string') return head
  const wanted = head.dataAt + head.bytes + syncBytes
  const all = await input.peek(wanted)
  if (all.length < wanted) return `it has ${head.bytes} bytes, but the file ends before`
  const dataEnd = head.dataAt + head.bytes
  if (!all.subarray(dataEnd, wanted).equals(sync)) return "it does not end in the file's sync marker"
  return {
    at: input.at,
    end: input.at + wanted,
    records: head.records,
    data: all.subarray(head.dataAt, dataEnd),
  }
}

function headOf(bytes: Buffer): { records: number; bytes: number; dataAt: number } | string {
  try {
    const cursor = new AvroCursor(bytes)
    const records = cursor.count('its number of records')
    const length = cursor.count('its length')
    if (records < 0 || length < 0) return 'its number of records or its length is negative'
    return length <= blockBytesMax ? { records, bytes: length, dataAt: cursor.at } : tooLong(length)
  } catch (error) {
    if (!(error instanceof AvroFault)) throw error
    return error.message
  }
}

function tooLong(bytes: number): string {
  return `it would have ${bytes} bytes; at most ${blockBytesMax} are taken`
}

export function corrupt(at: number, why: string, cause?: unknown): MillraceError {
  return new MillraceError('BAD_INPUT', `The Avro block at byte ${at} is corrupt: ${why}`, {
    refusal: 'AVRO_CORRUPT',
    remedy: 'Write or upload the file again.',
    cause,
  })
}
