/** The process of a command: fed, heard, stopped, and never left behind. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { MillraceError } from '../../shared/errors.ts'
import type { Attempt } from '../../worker/attempt.ts'
import { killedForMemory, oomKills } from '../../worker/command/memory.ts'
import { stoppingOf, whyStopped } from '../../worker/command/stopping.ts'
import { type Running, runCommand } from '../../worker/command/supervise.ts'
import { commandVariables } from '../../worker/command/variables.ts'
import { endingOf } from '../../worker/ending.ts'
import { Leave } from '../../worker/notice/leave.ts'

const dir = mkdtempSync(join(tmpdir(), 'millrace-command-'))
after(() => rmSync(dir, { recursive: true }))

async function* nothing(): AsyncGenerator<Buffer> {}
async function* endless(): AsyncGenerator<Buffer> {
  for (;;) yield Buffer.alloc(64 * 1024, 'y')
}

const path = { PATH: '/usr/bin:/bin' }

async function ran(script: string, more: Partial<Running> = {}) {
  const lines: string[] = []
  const onStderr = (line: string) => lines.push(line)
  const command = ['sh', '-c', script]
  const end = await runCommand({ command, cwd: dir, env: path, given: nothing(), onStderr, ...more })
  return { ...end, lines }
}

/** Stops it as soon as it has said `ready`. */
async function stopped(script: string, saveMs?: number) {
  const stop = new AbortController()
  const lines: string[] = []
  const onStderr = (line: string) => {
    lines.push(line)
    if (line.startsWith('ready')) stop.abort()
  }
  const end = await ran(script, { signal: stop.signal, onStderr, ...(saveMs ? { saveMs } : {}) })
  return { ...end, lines }
}

const isThere = (pid: number): boolean => {
  try {
    // What is dead and not yet waited for still has a number.
    return !/\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

const looksMax = 20_000

/** Whether it goes: a signal that was sent is not yet a process that is gone. */
async function goes(pid: number): Promise<boolean> {
  for (let look = 0; look < looksMax && isThere(pid); look += 1) await setImmediate()
  return !isThere(pid)
}

describe('the process of a command', () => {
  it('is fed no faster than it reads, and may end before all is given', async () => {
    assert.equal((await ran('head -c 100 > /dev/null', { given: endless() })).exitCode, 0)
  })

  it('is ended where what it is given cannot be read', async () => {
    const broken = async function* () {
      yield Buffer.from('a')
      throw new Error('the disk is gone')
    }
    await assert.rejects(ran('cat; sleep 60', { given: broken() }), /the disk is gone/)
  })

  it('is told to stop, and may save and say so', async () => {
    const end = await stopped(
      "trap 'echo saved >&2; exit 3' TERM; echo ready >&2; while :; do sleep 0.01; done",
    )
    assert.equal(end.lines.at(-1), 'saved')
    assert.deepEqual([end.stopped, end.exitCode], [true, 3])
  })

  it('cannot outlive its time to save, nor can what it has started', async () => {
    const script =
      "trap '' TERM; sh -c 'trap \"\" TERM; echo ready $$ >&2; while :; do sleep 1; done' & wait; wait; wait"
    const end = await stopped(script, 20)
    assert.deepEqual([end.stopped, end.killedBy], [true, 'SIGKILL'])
    assert.ok(await goes(Number(end.lines[0]?.split(' ')[1])))
  })

  it('leaves nothing behind in the background when it has done its work', async () => {
    const end = await ran('sleep 60 & echo $! >&2')
    assert.equal(end.exitCode, 0)
    assert.ok(await goes(Number(end.lines[0])))
  })

  it('is not started where the worker is to stop already', async () => {
    const end = await ran('touch started', { signal: AbortSignal.abort() })
    assert.deepEqual([end.stopped, end.exitCode], [true, null])
  })
})

describe('the environment of a command', () => {
  it('is that of the container, without what is Millrace’s own, and with what names its partition', () => {
    const run = { runId: 'r', pipeline: { name: 'p' }, source: { key: 'k' } }
    const known = { run, assignment: { partition: 7 }, fence: 3 } as unknown as Attempt
    const container = { PATH: '/bin', AWS_SESSION_TOKEN: 't', MILLRACE_TABLE: 'table', UNSET: undefined }
    assert.deepEqual(commandVariables(container, known, '/kept'), {
      PATH: '/bin',
      AWS_SESSION_TOKEN: 't',
      MILLRACE_RUN_ID: 'r',
      MILLRACE_PIPELINE: 'p',
      MILLRACE_PARTITION: '7',
      MILLRACE_ATTEMPT: '3',
      MILLRACE_SOURCE_KEY: 'k',
      MILLRACE_CHECKPOINT_DIR: '/kept',
    })
  })
})

describe('what it says on stderr', () => {
  it('is heard by lines, and its last 2 KiB are kept', async () => {
    const { lines, stderrTail } = await ran(
      "i=0; while [ $i -lt 400 ]; do echo line number $i >&2; i=$((i+1)); done; printf 'the end ü' >&2",
    )
    assert.equal(lines.length, 401)
    assert.equal(lines[0], 'line number 0')
    assert.ok(Buffer.byteLength(stderrTail) <= 2048 && stderrTail.endsWith('line number 399\nthe end ü'))
  })

  it('cannot fill the log: long lines are cut, and those too many left out', async () => {
    const long = await ran("head -c 100000 /dev/zero | tr '\\0' x >&2")
    assert.deepEqual(
      long.lines.map(line => line.length),
      [4096 + ' [cut]'.length],
    )
    const many = await ran('yes | head -n 20000 >&2')
    assert.equal(many.lines.length, 10_001)
    assert.match(many.lines.at(-1) ?? '', /the rest is left out/)
  })
})

describe('a command that was killed', () => {
  it('is out of memory where the kernel counts one more of those, and else not', () => {
    const file = join(dir, 'memory.events')
    writeFileSync(file, 'low 0\noom 2\noom_kill 2\n')
    const before = oomKills([join(dir, 'none'), file])
    assert.equal(before, 2)
    assert.equal(killedForMemory('SIGKILL', before, [file]), false)
    writeFileSync(file, 'low 0\noom 3\noom_kill 3\n')
    assert.equal(killedForMemory('SIGKILL', before, [file]), true)
    assert.equal(killedForMemory('SIGSEGV', before, [file]), false)
    assert.equal(killedForMemory('SIGKILL', oomKills([join(dir, 'none')]), [file]), false)
  })
})

describe('a command whose worker is to leave off', () => {
  const aborted = (signal: AbortSignal) =>
    new Promise<void>(resolve => signal.addEventListener('abort', () => resolve()))

  it('is stopped at once by its signal, and a while after SIGTERM or a notice', async () => {
    assert.equal(stoppingOf({ signal: AbortSignal.abort(), leave: undefined }).signal.aborted, true)
    const [ending, noticed] = [new Leave(), new Leave()]
    ending.end()
    noticed.ask('notice')
    const never = 2 ** 30
    for (const [leave, waits] of [
      [ending, { sigterm: 1, notice: never }],
      [noticed, { sigterm: never, notice: 1 }],
    ] as const) {
      const { signal, release } = stoppingOf({ signal: undefined, leave }, waits)
      assert.equal(signal.aborted, false)
      await aborted(signal)
      release()
    }
  })

  it('says SPOT_RECLAIMED for a notice, and leaves what SIGTERM was for to Batch', () => {
    const stopped = new MillraceError('STOPPED', 'stopped')
    const leave = new Leave()
    const codeOf = (error: unknown) => endingOf(whyStopped({ signal: undefined, leave }, error)).code
    leave.ask('notice')
    assert.equal(codeOf(stopped), 'SPOT_RECLAIMED')
    assert.equal(codeOf(new MillraceError('TEMPORARY_FAILURE', 'busy')), 'TEMPORARY')
    leave.end()
    assert.equal(whyStopped({ signal: undefined, leave }, stopped), stopped)
  })

  it('cannot be stopped for being asked to share, nor once it is done', async () => {
    const leave = new Leave()
    const waits = { sigterm: 0, notice: 0 }
    const sharing = stoppingOf({ signal: undefined, leave }, waits)
    const done = stoppingOf({ signal: undefined, leave }, waits)
    done.release()
    leave.ask('asked')
    await setImmediate()
    leave.end()
    await aborted(sharing.signal)
    assert.equal(done.signal.aborted, false)
    sharing.release()
  })
})
