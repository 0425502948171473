/** `serverless package` in a folder of its own, and what it produced. */
import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { loadPipelines } from '../../local/pipelines.ts'
import type { Pipeline } from '../../shared/pipeline.ts'
import { functionNames } from '../../shared/vocabulary.ts'

const root = path.resolve(import.meta.dirname, '../..')
const packagingMsMax = 120_000
/** As a deployment gives it. */
const image = `123456789012.dkr.ecr.us-east-1.amazonaws.com/millrace-dev-worker@sha256:${'0'.repeat(64)}`

const offline = { NODE_OPTIONS: `--import ${new URL('./fixtures/no-network.ts', import.meta.url).href}` }

export type Node = { [name: string]: unknown }
export interface Resource {
  Type: string
  Condition?: string
  DependsOn?: string | string[]
  DeletionPolicy?: string
  Properties: Node
}
export interface Template {
  Resources: Record<string, Resource>
  Conditions: Node
  Outputs: Record<string, { Value: unknown }>
}
export interface Packaged {
  template: Template
  /** File names in each function's zip. */
  zips: Record<string, string[]>
  dir: string
}

/** With the pipelines of this repository. */
export async function packageService(...options: string[]): Promise<Packaged> {
  return packagePipelines(await loadPipelines(path.join(root, 'pipelines')), ...options)
}

/** The bundles are stand-ins: only the configuration is on trial here. No credentials, no network. */
export async function packagePipelines(
  pipelines: readonly Pipeline[],
  ...options: string[]
): Promise<Packaged> {
  const dir = await mkdtemp(path.join(tmpdir(), 'millrace-package-'))
  await cp(path.join(root, 'serverless.yml'), path.join(dir, 'serverless.yml'))
  await cp(path.join(root, 'package.json'), path.join(dir, 'package.json'))
  for (const folder of ['infra', 'shared'])
    await cp(path.join(root, folder), path.join(dir, folder), { recursive: true })
  await symlink(path.join(root, 'node_modules'), path.join(dir, 'node_modules'), 'dir')
  await mkdir(path.join(dir, 'dist'))
  await writeFile(path.join(dir, 'dist', 'pipelines.json'), JSON.stringify(pipelines))
  for (const name of functionNames) {
    await writeFile(path.join(dir, 'dist', `${name}.mjs`), 'export const handler = () => undefined\n')
    await writeFile(path.join(dir, 'dist', `${name}.mjs.map`), '{}')
  }
  await writeFile(path.join(dir, '.env'), 'SECRET=not to be packaged\n')
  await promisify(execFile)(
    process.execPath,
    [path.join(root, 'node_modules/serverless/bin/serverless.js'), 'package', ...withImage(options)],
    {
      cwd: dir,
      timeout: packagingMsMax,
      env: { ...offline, PATH: path.dirname(process.execPath), HOME: dir },
    },
  )
  const out = path.join(dir, '.serverless')
  const text = await readFile(path.join(out, 'cloudformation-template-update-stack.json'), 'utf8')
  const zips: Packaged['zips'] = {}
  for (const name of functionNames) zips[name] = namesInZip(await readFile(path.join(out, `${name}.zip`)))
  return { template: JSON.parse(text), zips, dir }
}

function withImage(options: string[]): string[] {
  return options.some(option => option.startsWith('image='))
    ? options
    : ['--param', `image=${image}`, ...options]
}

/** From the central directory: a header of 46 bytes, then the name. Source: PKWARE APPNOTE 4.3.12. */
function namesInZip(zip: Buffer): string[] {
  const names: string[] = []
  const signature = Buffer.from('PK\x01\x02', 'latin1')
  for (let header = zip.indexOf(signature); header >= 0; header = zip.indexOf(signature, header + 1)) {
    names.push(zip.toString('utf8', header + 46, header + 46 + zip.readUInt16LE(header + 28)))
  }
  return names
}

/** Every value in the template, with where it stands. */
export function* walk(value: unknown, where: string[] = []): Generator<{ where: string[]; value: unknown }> {
  yield { where, value }
  if (typeof value !== 'object' || value === null) return
  for (const [name, inner] of Object.entries(value)) yield* walk(inner, [...where, name])
}

export function ofType(template: Template, type: string): [string, Resource][] {
  return Object.entries(template.Resources).filter(([, { Type }]) => Type === type)
}

/** Of that name, and of that type. */
export function resource(template: Template, id: string, type: string): Node {
  const found = template.Resources[id]
  if (found?.Type !== type) throw new Error(`${id} is ${found?.Type ?? 'not there'}, not ${type}`)
  return found.Properties
}

/** The logical id that `!Ref id` or `!GetAtt id.X` names. */
export function idOf(reference: unknown): string {
  const node = reference as { Ref?: string; 'Fn::GetAtt'?: string[] }
  const id = node.Ref ?? node['Fn::GetAtt']?.[0]
  if (id === undefined) throw new Error(`${JSON.stringify(reference)} refers to nothing`)
  return id
}

/** `at(properties, 'ComputeResources.Type')`; `undefined` where there is none. */
export function at(node: unknown, dotted: string): unknown {
  return dotted.split('.').reduce((inner, name) => (inner as Node | undefined)?.[name], node)
}
