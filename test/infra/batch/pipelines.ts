/** Pipelines that between them ask of Batch whatever a pipeline may ask. */
import { type Pipeline, type PipelineInput, parsePipeline } from '../../../shared/pipeline.ts'

type Job = NonNullable<PipelineInput['job']>

export function pipelineWith(name: string, job: Job = {}, more: Partial<PipelineInput> = {}): Pipeline {
  const whole = {
    name,
    source: { prefix: `${name}/`, format: 'lines' },
    work: { sql: 'SELECT line FROM input' },
    output: { prefix: `curated/${name}/` },
    job,
    ...more,
  }
  return parsePipeline(whole, `${name}.ts`)
}

/** `a` and `a-b`: one's name begins as the other's. */
export const pipelines: readonly Pipeline[] = [
  pipelineWith('a'),
  pipelineWith('a-b', { queue: 'critical', tags: { Team: 'data' }, environment: { MODE: 'full' } }),
  pipelineWith('ab', { queue: 'backfill', architecture: 'arm64', vcpus: 4, memoryMiB: 8192 }),
  pipelineWith('serverless', { platform: 'FARGATE', vcpus: 0.5, memoryMiB: 1500, ephemeralStorageGiB: 50 }),
  pipelineWith('serverless-arm', { platform: 'FARGATE', architecture: 'arm64' }),
  pipelineWith('vision', { gpus: 1, queue: 'critical' }, { retry: { reclaimsOnSpot: 40 } }),
  pipelineWith('large', { instances: { types: ['r7i.16xlarge', 'r7a'], maxvCpus: 640, diskGiB: 500 } }),
  pipelineWith('nodes', { nodes: 4 }, { work: { command: ['/work'], columns: { id: 'BIGINT' } } }),
  pipelineWith('kept', {
    image: '210987654321.dkr.ecr.eu-central-1.amazonaws.com/team/kept@sha256:00',
    secrets: { PASSWORD: 'prod/db:password::', TOKEN: 'ssm:/prod/token' },
    volumes: [
      { name: 'cache', path: '/cache', hostPath: '/mnt/cache' },
      {
        name: 'models',
        path: '/models',
        readOnly: true,
        efs: { fileSystemId: 'fs-01234567', accessPointId: 'fsap-01234567' },
      },
    ],
    ulimits: [{ name: 'nofile', soft: 4096, hard: 8192 }],
    sharedMemoryMiB: 256,
    timeoutMinutes: 15,
    permissions: [{ actions: ['s3:GetObject'], resources: ['arn:aws:s3:::models/*'] }],
  }),
]
