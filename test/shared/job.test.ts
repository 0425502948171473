/** What a pipeline may ask of Batch for its jobs, and what is refused before anything is deployed. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isError } from '../../shared/errors.ts'
import { architectureOf } from '../../shared/pipeline/job-faults.ts'
import { pipelineOf } from './given.ts'

const command = { command: ['/work'], columns: { id: 'BIGINT' } }
const image = 'registry.example.com/work@sha256:00'
const efs = { fileSystemId: 'fs-01234567' }

const taken: [string, Record<string, unknown>, Record<string, unknown>?][] = [
  ['nothing at all', {}],
  ['whole vCPUs and memory on EC2', { vcpus: 4, memoryMiB: 8192, memoryMiBMax: 16_384 }],
  ['a quarter of a vCPU on Fargate', { platform: 'FARGATE', vcpus: 0.25, memoryMiB: 512 }],
  ['disk of Fargate', { platform: 'FARGATE', ephemeralStorageGiB: 21 }],
  ['EFS on Fargate', { platform: 'FARGATE', volumes: [{ name: 'a', path: '/a', efs }] }],
  ['instances of its own', { instances: { types: ['c7i', 'm7i.large', 'u7i-12tb.224xlarge'] } }],
  ['Graviton of its own', { architecture: 'arm64', instances: { types: ['c7g', 'default_arm64'] } }],
  ['whatever Batch picks', { instances: { types: ['optimal', 'default_x86_64'] } }],
  ['GPUs', { gpus: 1, instances: { types: ['g5.xlarge', 'p4d.24xlarge'] } }],
  ['nodes for a command', { nodes: 2 }, { work: command }],
  ['a line', { sequential: true }],
  ['a queue, a weight, a priority', { queue: 'backfill', shareWeight: 0.5, schedulingPriority: 9999 }],
  ['an image', { image }],
  ['variables and secrets', { environment: { A_1: '' }, secrets: { B: 'ssm:/b', C: 'prod/c:key::' } }],
  [
    'a secret by its ARN, or by a name that ends otherwise',
    {
      secrets: {
        A: 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:db-tokens-AbCdEf',
        B: 'db-token',
        C: 'ssm:/db-tokens',
      },
    },
  ],
  ['forty tags', { tags: Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`t${at}`, ''])) }],
  ['a folder of the instance', { volumes: [{ name: 'a', path: '/a', hostPath: '/opt' }] }],
  ['no limit at all', { ulimits: [{ name: 'memlock', soft: -1, hard: -1 }] }],
  ['a limit below none', { ulimits: [{ name: 'memlock', soft: 5, hard: -1 }] }],
  ['a permission', { permissions: [{ actions: ['sns:Publish'], resources: ['arn:aws:sns:eu:1:a'] }] }],
]

const refused: [string, Record<string, unknown>, string, RegExp, Record<string, unknown>?][] = [
  ['half a vCPU on EC2', { vcpus: 1.5 }, 'job.vcpus', /whole number on EC2/],
  ['no memory', { memoryMiB: 511 }, 'job.memoryMiB', /512/],
  ['another queue', { queue: 'urgent' }, 'job.queue', /critical/],
  ['an unknown setting', { cpu: 1 }, 'job.cpu', /no known key/],
  ['disk of Fargate on EC2', { ephemeralStorageGiB: 21 }, 'job.ephemeralStorageGiB', /FARGATE only/],
  ['GPUs on Fargate', { platform: 'FARGATE', gpus: 1 }, 'job.gpus', /not to be had with FARGATE/],
  [
    'instances on Fargate',
    { platform: 'FARGATE', instances: { types: ['c7i'] } },
    'job.instances',
    /FARGATE/,
  ],
  ['shared memory on Fargate', { platform: 'FARGATE', sharedMemoryMiB: 1 }, 'job.sharedMemoryMiB', /FARGATE/],
  ['nodes on Fargate', { platform: 'FARGATE', nodes: 2 }, 'job.nodes', /FARGATE/, { work: command }],
  [
    'a host on Fargate',
    { platform: 'FARGATE', volumes: [{ name: 'a', path: '/a', hostPath: '/a' }] },
    'job.volumes',
    /no host/,
  ],
  [
    'limits on Fargate',
    { platform: 'FARGATE', ulimits: [{ name: 'nofile', soft: 1, hard: 2 }] },
    'job.ulimits',
    /not to be had with FARGATE/,
  ],
  ['more than Fargate has', { platform: 'FARGATE', vcpus: 17 }, 'job.memoryMiB', /more than Fargate has/],
  ['GPUs of Graviton', { gpus: 1, architecture: 'arm64' }, 'job.gpus', /x86_64 only/],
  ['mixed architectures', { instances: { types: ['c7i', 'c7g'] } }, 'job.instances.types', /c7g.*not x86_64/],
  ['nodes for SQL', { nodes: 2 }, 'job.nodes', /command work only/],
  ['one node', { nodes: 1 }, 'job.nodes', /2/, { work: command }],
  ['nodes in a line', { nodes: 2, sequential: true }, 'job.sequential', /no array/, { work: command }],
  [
    'a name twice',
    { environment: { A: '1' }, secrets: { A: 'a' } },
    'job.secrets.A',
    /job.environment as well/,
  ],
  [
    'a secret that AWS would look for by half',
    { secrets: { A: 'db-tokens' } },
    'job.secrets.A',
    /end of an ARN/,
  ],
  ['its key as well', { secrets: { A: 'db-tokens:key::' } }, 'job.secrets.A', /end of an ARN/],
  [
    'a name of ours',
    { environment: { MILLRACE_STAGE: 'x' } },
    'job.environment.MILLRACE_STAGE',
    /must not begin/,
  ],
  ['a name of Batch', { secrets: { AWS_BATCH_X: 'x' } }, 'job.secrets.AWS_BATCH_X', /must not begin/],
  ['a name with a dash', { environment: { 'a-b': '1' } }, 'job.environment.a-b', /environment variable/],
  ['a tag of AWS', { tags: { 'aws:x': '' } }, 'job.tags.aws:x', /not yours to set/],
  ['a tag of ours', { tags: { stage: 'x' } }, 'job.tags.stage', /not yours to set/],
  [
    'forty-one tags',
    { tags: Object.fromEntries(Array.from({ length: 41 }, (_, at) => [`t${at}`, ''])) },
    'job.tags',
    /more than 40/,
  ],
  [
    'a volume of nothing',
    { volumes: [{ name: 'a', path: '/a' }] },
    'job.volumes.0',
    /either hostPath or efs/,
  ],
  [
    'a volume of both',
    { volumes: [{ name: 'a', path: '/a', hostPath: '/a', efs }] },
    'job.volumes.0',
    /either hostPath or efs/,
  ],
  [
    'the worker’s own volume',
    { volumes: [{ name: 'scratch', path: '/a', hostPath: '/a' }] },
    'job.volumes.0.name',
    /the worker's own/,
  ],
  [
    'the worker’s own folder',
    { volumes: [{ name: 'a', path: '/scratch/a', hostPath: '/a' }] },
    'job.volumes.0.path',
    /the worker's own/,
  ],
  [
    'a soft limit above the hard one',
    { ulimits: [{ name: 'nofile', soft: 2, hard: 1 }] },
    'job.ulimits.0',
    /not above the hard one/,
  ],
  [
    'no soft limit below a hard one',
    { ulimits: [{ name: 'nofile', soft: -1, hard: 1 }] },
    'job.ulimits.0',
    /not above the hard one/,
  ],
  [
    'every action of a service',
    { permissions: [{ actions: ['s3:*'], resources: ['arn:aws:s3:::a'] }] },
    'job.permissions.0.actions.0',
    /without \*/,
  ],
  [
    'a permission on anything',
    { permissions: [{ actions: ['s3:GetObject'], resources: ['*'] }] },
    'job.permissions.0.resources.0',
    /must be an ARN/,
  ],
]

function faultsOf(job: unknown, more: Record<string, unknown> = {}) {
  try {
    pipelineOf({ job, ...more })
    return []
  } catch (error) {
    if (isError(error, 'PIPELINE_INVALID')) return error.faults
    throw error
  }
}

describe('a pipeline', () => {
  for (const [what, job, more] of taken) {
    test(`may ask for ${what}`, () => assert.deepEqual(faultsOf(job, more), []))
  }
  for (const [what, job, path, fault, more] of refused) {
    test(`cannot ask for ${what}`, () => {
      const found = faultsOf(job, more).find(one => one.path === path)
      assert.match(found?.fault ?? '', fault, JSON.stringify(faultsOf(job, more)))
      assert.match(found?.remedy ?? '', /\.$/)
    })
  }

  test('is told all its faults at once', () => {
    const job = {
      platform: 'FARGATE',
      gpus: 1,
      sharedMemoryMiB: 1,
      vcpus: 32,
      tags: { pipeline: 'x' },
      environment: { A: '' },
      secrets: { A: 'a' },
    }
    assert.deepEqual(
      faultsOf(job)
        .map(({ path }) => path)
        .toSorted(),
      ['job.gpus', 'job.memoryMiB', 'job.secrets.A', 'job.sharedMemoryMiB', 'job.tags.pipeline'],
    )
  })

  test('that asks for nothing has what Batch needs', () => {
    const { vcpus, memoryMiB, queue, platform, architecture, sequential } = pipelineOf().job
    assert.deepEqual([vcpus, memoryMiB, queue], [1, 2048, 'daily'])
    assert.deepEqual([platform, architecture, sequential], ['EC2', 'x86_64', false])
  })
})

describe('an instance type', () => {
  const graviton =
    'a1 a1.large t4g t4g.nano m6g m6gd.large m7g.large m8g c6gn c7g c7gn.xlarge r6g r7gd r8g x2gd.medium x8g i4g.large i8g im4gn is4gen g5g.xlarge hpc7g.4xlarge default_arm64'
  const other =
    'g3s g4dn.xlarge g4ad g5.xlarge g6.xlarge g6e gr6.4xlarge p3 p4d.24xlarge p5 m5 m5a m7i-flex.large c7i c7a r7iz x1e x2iedn u-6tb1 u7i-12tb.224xlarge inf2 trn1 trn1n dl1 vt1 z1d h1 d3en hpc7a.96xlarge hpc6id f2 t3 mac1 default_x86_64 optimal'
  for (const type of graviton.split(' ')) {
    test(`is Graviton: ${type}`, () => assert.equal(architectureOf(type), 'arm64'))
  }
  for (const type of other.split(' ')) {
    test(`is x86_64: ${type}`, () => assert.equal(architectureOf(type), 'x86_64'))
  }
})
