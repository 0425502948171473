import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, test } from 'node:test'
import { asEnvironment, configFrom, localConfig } from '../../shared/config.ts'
import { type ErrorCode, errorCodes, isError, MillraceError } from '../../shared/errors.ts'

describe('the configuration', () => {
  test('names every variable that is missing, at once', () => {
    assert.throws(
      () => configFrom({ MILLRACE_STAGE: 'dev' }),
      (error: unknown) => {
        assert.ok(isError(error, 'CONFIG_INVALID'))
        for (const name of ['TABLE', 'DROPS_BUCKET', 'STATE_BUCKET', 'OUTPUT_BUCKET', 'BUS', 'JOB_PREFIX'])
          assert.ok(error.message.includes(`MILLRACE_${name}`), name)
        assert.ok(!error.message.includes('MILLRACE_STAGE'))
        return true
      },
    )
  })

  test("survives the way through a worker's environment", () => {
    const config = localConfig('/data', '/pipelines')
    assert.deepEqual(configFrom(asEnvironment(config)), config)
  })

  test('takes an empty variable for a missing one', () => {
    const environment = { ...asEnvironment(localConfig('d', 'p')), MILLRACE_TABLE: '' }
    assert.throws(() => configFrom(environment), { code: 'CONFIG_INVALID' })
  })
})

const told = (thrown: unknown, code: ErrorCode): boolean => isError(thrown, code)

describe('every error code', () => {
  test('is explained where it stands', async () => {
    const source = await readFile(path.resolve(import.meta.dirname, '../../shared/errors.ts'), 'utf8')
    for (const code of Object.keys(errorCodes)) {
      assert.match(source, new RegExp(`/\\*\\* .+ \\*/\\n {2}${code}: \\{ retryable: (true|false) \\}`), code)
    }
  })

  test('says whether the same call may succeed later', () => {
    assert.equal(new MillraceError('THROTTLED', 'slow down', { retryAfterMs: 5 }).retryable, true)
    assert.equal(new MillraceError('MALFORMED', 'no').retryable, false)
  })

  test('is what tells an error, not its message; the cause is kept', () => {
    const cause = new Error('below')
    const error = new MillraceError('NOT_FOUND', 'MALFORMED', { cause, remedy: 'Look elsewhere.' })
    assert.deepEqual([told(error, 'NOT_FOUND'), told(error, 'MALFORMED')], [true, false])
    assert.equal(told(new Error('NOT_FOUND'), 'NOT_FOUND'), false)
    assert.deepEqual([error.cause, error.remedy, error.faults], [cause, 'Look elsewhere.', []])
  })
})
