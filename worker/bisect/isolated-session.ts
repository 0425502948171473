/**
 * A session whose SQL runs in a process of its own: where that dies, the call says so, and the next one begins another
 * on the same database, which is a file.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { MillraceError } from '../../shared/errors.ts'
import type { Session, SessionOptions } from '../duckdb/session.ts'
import { Engine } from './engine.ts'
import type { Request, SqlRequest } from './engine-messages.ts'

/** Of the second Node and its libraries. */
const secondProcessMiB = 96

export function openIsolatedSession(options: SessionOptions): Session {
  const { signal, scratch } = options
  const folder = mkdtempSync(join(scratch.dir, 'database-'))
  const engines = new Engines(options, join(folder, 'work.duckdb'))
  const stop = (): void => engines.stop()
  signal?.addEventListener('abort', stop)
  const ask = (request: SqlRequest): Promise<unknown> => engines.ask(request)
  return {
    run: async (sql, code) => void (await ask({ ask: 'run', sql, code })),
    rows: async (sql, code) => (await ask({ ask: 'rows', sql, code })) as unknown[][],
    columns: async sql => (await ask({ ask: 'columns', sql })) as Awaited<ReturnType<Session['columns']>>,
    statementType: async sql =>
      (await ask({ ask: 'statementType', sql })) as Awaited<ReturnType<Session['statementType']>>,
    close: () => {
      signal?.removeEventListener('abort', stop)
      engines.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** One after the other, each where the one before has died. */
class Engines {
  readonly #options: SessionOptions
  readonly #database: string
  #engine: Engine | undefined

  constructor(options: SessionOptions, database: string) {
    this.#options = options
    this.#database = database
  }

  async ask(request: SqlRequest): Promise<unknown> {
    if (this.#options.signal?.aborted) throw stopped()
    const engine = this.#engine?.isOver === false ? this.#engine : await this.#begin()
    return engine.ask(request)
  }

  stop(): void {
    this.#engine?.stop(stopped())
  }

  async #begin(): Promise<Engine> {
    const { scratch, memoryMiB, vcpus } = this.#options
    const { dir, spill } = scratch
    const engine = new Engine()
    this.#engine = engine
    const open: Request = {
      ask: 'open',
      options: {
        scratch: { dir, spill },
        memoryMiB: memoryMiB - secondProcessMiB,
        vcpus,
        database: this.#database,
      },
    }
    await engine.ask(open)
    return engine
  }
}

function stopped(): MillraceError {
  return new MillraceError('STOPPED', 'Asked to stop while working')
}
