/** A far-away S3: for tests in which an attempt must take its time without taking the machine's. */
import { Readable } from 'node:stream'
import type { Clock, Objects } from '../shared/ports.ts'

/** A portion is given so often. */
const everyMs = 50

/** `slow-reads 200000`: bytes per second of each read. */
export function slowReadsFrom(asked: string | undefined): number | undefined {
  const [, bytesPerSecond] = /^slow-reads ([1-9]\d*)$/.exec(asked ?? '') ?? []
  return bytesPerSecond === undefined ? undefined : Number(bytesPerSecond)
}

export function slowReads<Given extends Objects>(
  objects: Given,
  bytesPerSecond: number,
  clock: Clock,
): Given {
  const bytesAtOnce = Math.max(1, Math.floor((bytesPerSecond * everyMs) / 1000))
  const read: Objects['read'] = async (ref, options) =>
    Readable.from(slowly(await objects.read(ref, options), bytesAtOnce, clock), { objectMode: false })
  return new Proxy(objects, {
    get: (target, name) => {
      const found: unknown = name === 'read' ? read : Reflect.get(target, name)
      return typeof found === 'function' ? found.bind(target) : found
    },
  })
}

async function* slowly(body: Readable, bytesAtOnce: number, clock: Clock): AsyncGenerator<Buffer> {
  for await (const chunk of body as AsyncIterable<Buffer>) {
    for (let from = 0; from < chunk.length; from += bytesAtOnce) {
      await clock.sleep(everyMs)
      yield chunk.subarray(from, from + bytesAtOnce)
    }
  }
}
