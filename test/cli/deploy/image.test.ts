/** The worker's image as it is deployed: which files, under what name, and the stack that keeps and builds it. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, test } from 'node:test'
import { imageFiles, imageTag, platformsOf } from '../../../cli/deploy/image-files.ts'
import { readYaml } from '../../../local/serverless/variables.ts'
import { tempDir } from '../../local/temp-dir.ts'

const root = path.resolve(import.meta.dirname, '../../..')
type Node = Record<string, unknown>
interface Statement {
  Effect: string
  Action: string | string[]
  Resource: unknown
}

describe('the files of the image', () => {
  test('are the sources, the lock file and the Dockerfile itself; and nothing of anybody else', async () => {
    const names = (await imageFiles(root)).map(({ name }) => name)
    for (const name of [
      'worker/Dockerfile',
      'worker/main.ts',
      'worker/package.json',
      'shared/plan.ts',
      'package-lock.json',
    ])
      assert.ok(names.includes(name), name)
    assert.deepEqual(
      names.filter(name => !/^(shared\/|worker\/|package-lock\.json$)/.test(name)),
      [],
    )
  })

  test('are those that .dockerignore lets in, and it cannot say what is not understood', async t => {
    const dir = tempDir(t)
    const write = (name: string, text: string): void => {
      mkdirSync(path.dirname(path.join(dir, name)), { recursive: true })
      writeFileSync(path.join(dir, name), text)
    }
    for (const name of ['a.txt', 'b/c.ts', 'b/d.md', 'b/e/f.md', 'worker/Dockerfile']) write(name, name)
    const ignore = async (text: string): Promise<string[]> => {
      write('worker/Dockerfile.dockerignore', text)
      return (await imageFiles(dir)).map(({ name }) => name).filter(name => !name.startsWith('worker/'))
    }
    assert.deepEqual(await ignore('*\n!b\n'), ['b/c.ts', 'b/d.md', 'b/e/f.md'])
    assert.deepEqual(await ignore('# of us\n*\n!a.txt\n!b\nb/*.md\nb/e\n'), ['a.txt', 'b/c.ts'])
    for (const text of ['', 'b\n', '!b\n', '*\n!b\nb/e\n!b/e/f.md\n', '*\n!b\nb/[cd].*\n'])
      await assert.rejects(ignore(text), { code: 'CONFIG_INVALID' }, JSON.stringify(text))
  })

  test('give a tag that changes with a name, a byte or a platform, and with nothing else', () => {
    const files = [
      { name: 'a', text: Buffer.from('1') },
      { name: 'b', text: Buffer.from('2') },
    ]
    const tag = imageTag(files, ['linux/amd64'])
    assert.match(tag, /^worker-[0-9a-f]{20}$/)
    assert.equal(
      imageTag(
        structuredClone(files).map(({ name, text }) => ({ name, text: Buffer.from(text) })),
        ['linux/amd64'],
      ),
      tag,
    )
    const others = [
      imageTag(files, ['linux/amd64', 'linux/arm64']),
      imageTag([{ name: 'c', text: Buffer.from('1') }, ...files.slice(1)], ['linux/amd64']),
      imageTag([{ name: 'a', text: Buffer.from('3') }, ...files.slice(1)], ['linux/amd64']),
      imageTag(files.slice(1), ['linux/amd64']),
    ]
    assert.equal(new Set([tag, ...others]).size, 5)
  })

  test('are built for x86_64 always, and for arm64 where a pipeline asks for it', () => {
    assert.deepEqual(platformsOf([]), ['linux/amd64'])
    assert.deepEqual(platformsOf([{ job: { architecture: 'arm64' } }]), ['linux/amd64', 'linux/arm64'])
  })
})

describe('the stack of the image', () => {
  const { Resources } = readYaml(path.join(root, 'infra/image.yml')) as {
    Resources: Record<string, { Type: string; Condition?: string; DeletionPolicy?: string; Properties: Node }>
  }
  const properties = (id: string): Node => Resources[id]?.Properties ?? {}

  test('keeps its repository, writes no tag twice, scans, encrypts, and lets old images go', () => {
    const { ImageTagMutability, ImageScanningConfiguration, EncryptionConfiguration, LifecyclePolicy } =
      properties('Repository')
    assert.equal(Resources.Repository?.DeletionPolicy, 'Retain')
    assert.equal(ImageTagMutability, 'IMMUTABLE')
    assert.deepEqual(ImageScanningConfiguration, { ScanOnPush: true })
    assert.deepEqual(EncryptionConfiguration, { EncryptionType: 'AES256' })
    const { rules } = JSON.parse(String((LifecyclePolicy as Node).LifecyclePolicyText))
    assert.deepEqual(
      rules.map((rule: Node) => (rule.selection as Node).tagStatus),
      ['untagged', 'tagged'],
    )
  })

  test('has what builds only where it is asked for', () => {
    const always = Object.entries(Resources).filter(([, { Condition }]) => Condition !== 'Builds')
    assert.deepEqual(
      always.map(([id]) => id),
      ['Repository'],
    )
  })

  test('builds with a role that pushes to this repository and reads these sources, and no more', () => {
    const [{ PolicyDocument } = { PolicyDocument: {} }] = properties('BuildRole').Policies as Node[]
    const statements = (PolicyDocument as { Statement: Statement[] }).Statement
    const onAll = statements.filter(({ Resource }) => Resource === '*')
    assert.deepEqual(
      onAll.map(({ Action }) => Action),
      ['ecr:GetAuthorizationToken'],
    )
    assert.ok(!statements.flatMap(({ Action }) => Action).some(action => action.includes('*')))
    const push = statements.find(({ Action }) => Action.includes('ecr:PutImage'))
    assert.deepEqual(push?.Resource, { 'Fn::GetAtt': ['Repository', 'Arn'] })
    assert.ok(!statements.flatMap(({ Action }) => Action).some(action => /^s3:(Put|Delete)/.test(action)))
  })

  test('keeps the sources encrypted, private, over TLS only, and for a day', () => {
    const { BucketEncryption, PublicAccessBlockConfiguration, LifecycleConfiguration } = properties('Sources')
    assert.match(JSON.stringify(BucketEncryption), /AES256/)
    assert.deepEqual(new Set(Object.values(PublicAccessBlockConfiguration as Node)), new Set([true]))
    assert.match(JSON.stringify(LifecycleConfiguration), /"ExpirationInDays":1\b/)
    assert.match(JSON.stringify(properties('SourcesPolicy')), /Deny.*aws:SecureTransport/)
  })

  test('builds by the same command line as Docker here does', () => {
    const { BuildSpec } = properties('Build').Source as Node
    assert.match(
      String(BuildSpec),
      /docker buildx build --platform "\$PLATFORMS" -f worker\/Dockerfile -t "\$REPOSITORY:\$TAG" --provenance=false --push \./,
    )
    assert.deepEqual(properties('Build').LogsConfig, {
      CloudWatchLogs: { Status: 'ENABLED', GroupName: { Ref: 'BuildLogs' } },
    })
  })
})
