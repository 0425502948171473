import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { describe, it } from 'node:test'
import { CreateBucketCommand, PutBucketVersioningCommand } from '@aws-sdk/client-s3'
import { createAwsClients } from '../../shared/aws/clients.ts'
import { createS3Objects } from '../../shared/aws/objects.ts'
import { isError } from '../../shared/errors.ts'
import { type ObjectsUnderTest, objectsContract } from '../contract/objects.ts'
import type { SuiteOptions } from '../contract/suite.ts'
import { credentials, region, type SecondOpinion, secondOpinions } from './servers.ts'

const paths = 'versitygw 1.8.0 keeps a key as the path of a file'
const lists =
  'versitygw 1.8.0 escapes the keys of a list as paths, not as S3 does: a plus comes back as a space'

ask(secondOpinions.moto, true, {
  'may hold control characters, and no two are taken for one':
    'moto 5.2.5 has no route for a newline in a key',
})
const onPaths = {
  'may hold signs, and letters of any script, and no two are taken for one': lists,
  'has the keys with that prefix in order of their UTF-8 bytes, each with size, etag and time': lists,
  'may hold control characters, and no two are taken for one':
    'versitygw 1.8.0 lists a control character as U+FFFD',
  'may look as if they were escaped, and no two are taken for one': paths,
  'may hold dots and slashes where paths hold none, and no two are taken for one': paths,
  'may be longer than the name of a file may be, and no two are taken for one': paths,
  'may be the folder of another, whichever was first': paths,
  'may have 1,024 bytes and cannot have more, or none': paths,
}
ask(secondOpinions.versitygw, false, onPaths)
ask(secondOpinions.versitygw, true, {
  ...onPaths,
  'is possible again where the key was freed': 'versitygw 1.8.0 takes a delete marker for an object',
})
for (const opinion of [secondOpinions.moto, secondOpinions.versitygw]) {
  if (opinion.missing !== undefined) continue
  describe(`A file that goes up in parts to S3 on ${opinion.name}`, () => {
    it('comes back byte for byte, and cannot be written over once', () => goesUpInParts(opinion))
  })
}

function ask(opinion: SecondOpinion, versioned: boolean, skip: NonNullable<SuiteOptions['skip']>): void {
  if (opinion.missing !== undefined) {
    it(`cannot ask ${opinion.name} about objects`, { skip: opinion.missing })
    return
  }
  const name = `S3 on ${opinion.name}, ${versioned ? 'with' : 'without'} versions`
  objectsContract(name, () => openOn(opinion, versioned), { skip })
}

async function openOn(opinion: SecondOpinion, versioned: boolean): Promise<ObjectsUnderTest> {
  const server = await opinion.start()
  const bucket = 'millrace-contract'
  const { s3 } = createAwsClients({ region, credentials, endpoints: { s3: server.url } })
  await s3.send(new CreateBucketCommand({ Bucket: bucket }))
  if (versioned) {
    const VersioningConfiguration = { Status: 'Enabled' } as const
    await s3.send(new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration }))
  }
  return {
    objects: createS3Objects({ client: s3 }),
    bucket,
    dispose: async () => {
      s3.destroy()
      await server.stop()
    },
  }
}

/** Above what the adapter sends in one piece; the last part is a short one. */
const bytes = 70 * 1024 * 1024 + 11

async function goesUpInParts(opinion: SecondOpinion): Promise<void> {
  const { objects, bucket, dispose } = await openOn(opinion, true)
  const folder = await mkdtemp(path.join(os.tmpdir(), 'millrace-'))
  try {
    const file = path.join(folder, 'big.csv')
    await writeFile(file, 'begins,so\n')
    await truncate(file, bytes)
    const ref = { bucket, key: 'big file+ü.csv' }
    const written = await objects.write(ref, { file }, { once: true, metadata: { run: '1' } })
    assert.equal(written.bytes, bytes)
    assert.deepEqual(await objects.head(ref), written)
    const hash = createHash('sha256')
    for await (const chunk of await objects.read(ref, { etag: written.etag })) hash.update(chunk)
    const rest = createHash('sha256').update(
      Buffer.concat([Buffer.from('begins,so\n'), Buffer.alloc(bytes - 10)]),
    )
    assert.equal(hash.digest('hex'), rest.digest('hex'))
    await assert.rejects(objects.write(ref, { file }, { once: true }), error =>
      isError(error, 'OBJECT_EXISTS'),
    )
    assert.equal((await objects.head(ref))?.version, written.version)
  } finally {
    await rm(folder, { recursive: true, force: true })
    await dispose()
  }
}
