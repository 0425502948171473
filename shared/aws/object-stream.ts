/** The body of a GET, checked on its way. */
import { type Readable, Transform, type TransformCallback } from 'node:stream'
import { MillraceError } from '../errors.ts'
import { nameOf } from '../object-rules.ts'
import type { ObjectRef } from '../ports.ts'

/**
 * A connection that breaks off, or ends before its time, is TEMPORARY_FAILURE; more than was asked for is a server
 * that does not know ranges: INVARIANT_BROKEN, before a byte too many is taken. `promised` and `asked` in bytes.
 */
export function checkedStream(
  ref: ObjectRef,
  body: Readable,
  { promised, asked }: { promised: number; asked: number },
): Readable {
  const wanted = Math.min(promised, asked)
  let got = 0
  const short = (cause?: unknown): MillraceError =>
    new MillraceError(
      'TEMPORARY_FAILURE',
      `S3 broke off after ${got} of ${wanted} bytes of ${nameOf(ref)}.`,
      {
        cause,
      },
    )
  const out = new Transform({
    transform(chunk: Buffer, _encoding, done: TransformCallback) {
      got += chunk.length
      if (got > asked) done(unasked(ref, asked))
      else done(null, chunk)
    },
    flush(done) {
      done(got < wanted ? short() : null)
    },
  })
  body.once('error', error => out.destroy(short(error)))
  body.once('close', () => {
    if (!body.readableEnded) out.destroy(short())
  })
  // Whoever reads no further lets the connection go.
  out.once('close', () => body.destroy())
  return body.pipe(out)
}

function unasked(ref: ObjectRef, wanted: number): MillraceError {
  return new MillraceError(
    'INVARIANT_BROKEN',
    `The server sent more than the ${wanted} bytes asked of ${nameOf(ref)}.`,
    { remedy: 'Use an S3 server that answers ranges.' },
  )
}
