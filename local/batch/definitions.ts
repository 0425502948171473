/** Job definitions: every registration is a new revision. */
import type { JobDefinition } from '@aws-sdk/client-batch'
import { type Batch, change } from './batch.ts'
import { arns, nameOf } from './names.ts'
import { refuse, unknown } from './refusal.ts'
import {
  type DescribeJobDefinitionsRequest,
  deregisterJobDefinition,
  describeJobDefinitions,
  type JobDefinitionBody,
  parse,
  registerJobDefinition,
} from './requests.ts'
import { containerOf } from './spec.ts'
import { checkDefinition } from './validate.ts'

interface DefinitionRow {
  name: string
  revision: number
  active: number
  body: string
}

const active = 'ACTIVE'
const inactive = 'INACTIVE'
const definitionsPerPage = 100

export function register(batch: Batch, body: unknown, bodyBytes: number): object {
  const definition = parse(registerJobDefinition, body)
  checkDefinition(definition, bodyBytes, batch.timeoutSecondsMin)
  const name = definition.jobDefinitionName
  if (containerOf(definition).resourceRequirements?.some(({ type }) => type === 'GPU'))
    batch.log.warn('GPUs are not counted on one machine: its jobs find those that it has', { name })
  const revision = change(batch, () => insert(batch, name, definition))
  return { jobDefinitionName: name, jobDefinitionArn: arns.definition(name, revision), revision }
}

function insert(batch: Batch, name: string, definition: JobDefinitionBody): number {
  const last = batch.db.get<{ revision: number | null }>(
    'SELECT max(revision) AS revision FROM definitions WHERE name = ?',
    name,
  )
  const revision = (last?.revision ?? 0) + 1
  batch.db.run('INSERT INTO definitions VALUES (?, ?, 1, ?)', name, revision, JSON.stringify(definition))
  return revision
}

/** `name`, `name:revision` or an ARN; without a revision the latest active one. Errors: NOT_FOUND. */
export function definitionFor(batch: Batch, asked: string): { arn: string; body: JobDefinitionBody } {
  const [name = '', revision] = nameOf(asked).split(':')
  const row =
    revision === undefined
      ? batch.db.get<DefinitionRow>(
          'SELECT * FROM definitions WHERE name = ? AND active = 1 ORDER BY revision DESC LIMIT 1',
          name,
        )
      : batch.db.get<DefinitionRow>(
          'SELECT * FROM definitions WHERE name = ? AND revision = ? AND active = 1',
          name,
          Number(revision),
        )
  if (!row) return unknown(`JobDefinition ${asked} not found.`)
  return { arn: arns.definition(row.name, row.revision), body: JSON.parse(row.body) as JobDefinitionBody }
}

/** What is submitted already runs on; nothing new can be submitted with it. */
export function deregister(batch: Batch, body: unknown): object {
  const asked = parse(deregisterJobDefinition, body).jobDefinition
  const [name = '', revision] = nameOf(asked).split(':')
  const sql = 'UPDATE definitions SET active = 0 WHERE name = ? AND revision = ?'
  const changed = change(batch, () => batch.db.run(sql, name, Number(revision)))
  if (changed === 0) unknown(`JobDefinition ${asked} not found.`)
  return {}
}

/** Newest first, 100 a page. */
export function describe(
  batch: Batch,
  body: unknown,
): { jobDefinitions: JobDefinition[]; nextToken?: string } {
  const request = parse(describeJobDefinitions, body)
  const limit = Math.min(request.maxResults ?? definitionsPerPage, definitionsPerPage)
  const offset = Number(request.nextToken ?? 0)
  if (!Number.isInteger(offset)) refuse('nextToken is not valid')
  const found = batch.db
    .all<DefinitionRow>('SELECT * FROM definitions ORDER BY name, revision DESC')
    .filter(row => isAskedFor(row, request))
  const page = found.slice(offset, offset + limit).map(detailOf)
  const next = offset + limit
  return { jobDefinitions: page, ...(next < found.length ? { nextToken: String(next) } : {}) }
}

function isAskedFor(row: DefinitionRow, request: DescribeJobDefinitionsRequest): boolean {
  const { status, jobDefinitionName, jobDefinitions } = request
  if (status !== undefined && status !== (row.active ? active : inactive)) return false
  if (jobDefinitionName !== undefined && jobDefinitionName !== row.name) return false
  const names = [row.name, `${row.name}:${row.revision}`]
  return jobDefinitions === undefined || jobDefinitions.some(asked => names.includes(nameOf(asked)))
}

function detailOf(row: DefinitionRow): JobDefinition {
  const body = JSON.parse(row.body) as JobDefinitionBody
  return {
    ...body,
    jobDefinitionArn: arns.definition(row.name, row.revision),
    revision: row.revision,
    status: row.active ? active : inactive,
    containerOrchestrationType: 'ECS',
  } as JobDefinition
}
