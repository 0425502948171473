import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isError, type MillraceError } from '../../shared/errors.ts'
import { parsePipeline } from '../../shared/pipeline.ts'
import { pipelineSet } from '../../shared/pipelines.ts'
import { Occasion } from '../../shared/vocabulary.ts'

const least = {
  name: 'orders',
  source: { prefix: 'orders/', format: 'csv' },
  work: { sql: 'SELECT 1' },
  output: { prefix: 'curated/' },
}

function faultsOf(act: () => unknown): MillraceError {
  try {
    act()
  } catch (error) {
    if (isError(error, 'PIPELINE_INVALID')) return error
    throw error
  }
  return assert.fail('it is taken')
}

describe('a pipeline', () => {
  test('needs but name, source, work and output: the rest has defaults', () => {
    const pipeline = parsePipeline(least, 'orders.ts')
    assert.deepEqual(pipeline.retry, {
      attempts: 3,
      backoffSeconds: 30,
      reclaimsOnSpot: 5,
      breakerPartitions: 25,
    })
    const { vcpus, memoryMiB, timeoutMinutes } = pipeline.job
    assert.deepEqual([vcpus, memoryMiB, timeoutMinutes], [1, 2048, 60])
    assert.deepEqual(pipeline.tolerate, { rejectedRecords: 0 })
    assert.deepEqual(pipeline.notify.on, [Occasion.FAILED, Occasion.REFUSED, Occasion.RECOVERED])
    assert.equal(pipeline.source.format === 'csv' && pipeline.source.ragged, 'reject')
  })

  test('is told all its faults at once, each with path and remedy', () => {
    const error = faultsOf(() =>
      parsePipeline({ ...least, name: 'Orders!', retry: { atempts: 3 }, job: { vcpus: 'two' } }, 'orders.ts'),
    )
    assert.deepEqual(error.faults.map(({ path }) => path).toSorted(), ['job.vcpus', 'name', 'retry.atempts'])
    assert.ok(error.faults.every(({ remedy }) => remedy.endsWith('.')))
    assert.match(error.message, /^orders\.ts is not a valid pipeline:\n/)
  })

  for (const [what, more, path] of [
    ['an unknown key', { retries: 3 }, 'retries'],
    [
      'a prefix of more bytes than leave room for a key',
      { output: { prefix: `${'é'.repeat(300)}/` } },
      'output.prefix',
    ],
    ['a prefix without its slash', { output: { prefix: 'curated' } }, 'output.prefix'],
    ['a prefix among the manifests', { source: { prefix: '_manifests/a/', format: 'csv' } }, 'source.prefix'],
    ['no prefix in the drops bucket', { source: { prefix: '', format: 'csv' } }, 'source.prefix'],
    [
      'a bucket that S3 would not take',
      { source: { bucket: 'My_Lake', prefix: 'a/', format: 'csv' } },
      'source.bucket',
    ],
    [
      'a bucket of the local stage',
      { source: { bucket: 'state', prefix: 'a/', format: 'csv' } },
      'source.bucket',
    ],
    [
      'a key for the drops bucket',
      { source: { prefix: 'a/', format: 'csv', kmsKeyArn: 'arn:aws:kms:eu-west-1:123456789012:key/a-b' } },
      'source.kmsKeyArn',
    ],
    [
      'the alias of a key',
      {
        source: {
          bucket: 'my-lake',
          prefix: '',
          format: 'csv',
          kmsKeyArn: 'arn:aws:kms:eu-west-1:123456789012:alias/lake',
        },
      },
      'source.kmsKeyArn',
    ],
    ['a prefix that begins with one', { output: { prefix: '/curated/' } }, 'output.prefix'],
    [
      'a type that DuckDB does not have',
      { source: { ...least.source, columns: { a: 'INT32' } } },
      'source.columns.a',
    ],
    [
      'a scale beyond the precision',
      { source: { ...least.source, columns: { a: 'DECIMAL(4,5)' } } },
      'source.columns.a',
    ],
    ['no columns at all', { source: { ...least.source, columns: {} } }, 'source.columns'],
    ['a delimiter of five bytes', { source: { ...least.source, delimiter: ';;;;;' } }, 'source.delimiter'],
    ['no attempt', { retry: { attempts: 0 } }, 'retry.attempts'],
    ['a channel without its mark', { notify: { slack: 'alerts' } }, 'notify.slack'],
    [
      'CSV options where the format is lines',
      { source: { prefix: 'a/', format: 'lines', header: true } },
      'source.header',
    ],
  ] as const) {
    test(`cannot have ${what}`, () => {
      const { faults } = faultsOf(() => parsePipeline({ ...least, ...more }, 'orders.ts'))
      assert.deepEqual(
        faults.map(fault => fault.path),
        [path],
      )
    })
  }

  test('may take all of a bucket of its own, and what is reserved in the drops bucket', () => {
    const kmsKeyArn = 'arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab'
    for (const prefix of ['', '_groups/']) {
      const source = { ...least.source, bucket: 'my.lake-1', kmsKeyArn, prefix }
      assert.deepEqual(parsePipeline({ ...least, source }, 'orders.ts').source.prefix, prefix)
    }
  })

  test('may write its types in small letters and with spaces', () => {
    const columns = { a: 'decimal(12, 2)', b: 'Timestamptz' }
    const { source } = parsePipeline({ ...least, source: { ...least.source, columns } }, 'orders.ts')
    assert.deepEqual(source.format === 'csv' && source.columns, { a: 'DECIMAL(12,2)', b: 'TIMESTAMPTZ' })
  })
})

describe('the pipelines of a stage', () => {
  const other = { ...least, name: 'other', source: { ...least.source, prefix: 'other/' } }

  test('may lie within one another: the longest prefix decides', () => {
    const inner = { ...other, source: { ...least.source, prefix: 'orders/eu/' } }
    assert.deepEqual(
      pipelineSet({ 'a.ts': least, 'b.ts': inner }).map(({ name }) => name),
      ['orders', 'other'],
    )
  })

  test('cannot share a name, nor a prefix', () => {
    const { message } = faultsOf(() => pipelineSet({ 'a.ts': least, 'b.ts': least }))
    assert.match(message, /Two pipelines are named orders/)
    assert.match(message, /Two pipelines take the prefix orders\//)
  })

  test('may take the same prefix of several buckets, but not of one', () => {
    const [lake, pond] = ['my-lake', 'my-pond'].map(bucket => ({
      ...other,
      name: bucket,
      source: { ...least.source, bucket },
    }))
    assert.equal(pipelineSet({ 'a.ts': least, 'b.ts': lake, 'c.ts': pond }).length, 3)
    const { message } = faultsOf(() => pipelineSet({ 'b.ts': lake, 'c.ts': { ...lake, name: 'again' } }))
    assert.match(message, /Two pipelines take the prefix orders\/ of the bucket my-lake/)
  })

  test('are told the faults of every file at once', () => {
    const { faults, message } = faultsOf(() =>
      pipelineSet({ 'a.ts': { ...least, name: '' }, 'b.ts': { ...other, work: {} }, 'c.ts': 7 }),
    )
    assert.equal(faults.length, 3)
    for (const file of ['a.ts', 'b.ts', 'c.ts']) assert.ok(message.includes(file))
  })
})
