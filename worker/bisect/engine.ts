/** One process that runs SQL, until it is stopped or dies. */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { MillraceError } from '../../shared/errors.ts'
import type { Reply, Request } from './engine-messages.ts'

const ownMain = fileURLToPath(new URL('engine-main.ts', import.meta.url))
const stderrTailBytes = 2 * 1024
const minute = 60 * 1000
/** Longer than any work that ends; what is longer is bounded by the job's own time. */
const answerMsMax = 30 * minute

export class Engine {
  readonly #process: ChildProcess
  #waiting: { resolve: (value: unknown) => void; reject: (error: MillraceError) => void } | undefined
  #stderr = Buffer.alloc(0)
  /** Why it had to be stopped. */
  #stopped: MillraceError | undefined
  #isOver = false

  /** @param main path of the module that answers */
  constructor(main: string = ownMain) {
    this.#process = fork(main, [], {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      execArgv: [],
    })
    this.#process.stderr?.on('data', (bytes: Buffer) => {
      this.#stderr = Buffer.concat([this.#stderr, bytes]).subarray(-stderrTailBytes)
    })
    this.#process.on('message', (reply: Reply) => this.#onReply(reply))
    this.#process.on('error', error => this.#end(died(error.message)))
    this.#process.on('close', (code, signal) => this.#end(this.#deathBy(code, signal)))
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** Errors: that of the SQL; WORK_DIED; OUT_OF_MEMORY where the system has killed it. */
  async ask(request: Request): Promise<unknown> {
    const overdue = setTimeout(() => {
      this.stop(died(`it did not answer within ${answerMsMax / minute} minutes`))
    }, answerMsMax)
    try {
      return await new Promise((resolve, reject) => {
        this.#waiting = { resolve, reject }
        // What cannot be sent any more is answered by the end of the process.
        this.#process.send(request, () => {})
      })
    } finally {
      clearTimeout(overdue)
    }
  }

  /** @param why what whoever waits for an answer is told */
  stop(why: MillraceError): void {
    this.#stopped = why
    this.#isOver = true
    this.#process.kill('SIGKILL')
  }

  #onReply(reply: Reply): void {
    const waiting = this.#waiting
    if ('failed' in reply && leavesWreck.test(reply.failed.message)) {
      this.stop(died(reply.failed.message))
      return
    }
    this.#waiting = undefined
    if ('value' in reply) waiting?.resolve(reply.value)
    else waiting?.reject(new MillraceError(reply.failed.code, reply.failed.message))
  }

  #end(error: MillraceError): void {
    this.#isOver = true
    this.#waiting?.reject(this.#stopped ?? error)
    this.#waiting = undefined
  }

  #deathBy(code: number | null, signal: NodeJS.Signals | null): MillraceError {
    const said = this.#stderr.toString('utf8').trim()
    const how = signal === null ? `exit code ${code}` : `signal ${signal}`
    // Of all signals, this is the one that a container short of memory gets.
    if (signal === 'SIGKILL') return new MillraceError('OUT_OF_MEMORY', `The SQL's process ended by ${how}`)
    return died(`${how}${said === '' ? '' : `: ${said}`}`)
  }
}

/** Behind these, DuckDB takes no more SQL. */
const leavesWreck = /^(INTERNAL|FATAL) Error/

function died(how: string): MillraceError {
  return new MillraceError('WORK_DIED', `The SQL killed its process: ${how}`)
}
