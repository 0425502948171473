/** Pipelines may say `${...}`: to them it is text, to the packager a variable. */
import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { asWritten } from '../../infra/as-written.ts'
import { pipelineWith } from './batch/pipelines.ts'
import { at, type Node, ofType, type Packaged, packagePipelines } from './packaged.ts'
import { resolved } from './policy/resolve.ts'

const variable = (text: string): string => `\${${text}}`
const words = ['env:PATH', 'self:service', 'opt:nothing', "env:NOTHING, 'else'", 'AWS::Region', 'HOME'].map(
  variable,
)

describe('a pipeline that says what the packager would fill in', () => {
  let packaged: Packaged
  before(async () => {
    const environment = Object.fromEntries(words.map((word, index) => [`WORD_${index}`, `a ${word} b`]))
    const source = {
      prefix: `${variable('env:PATH')}/*/`,
      format: 'lines' as const,
      bucket: 'somebodys-lake',
      schedule: { expression: 'rate(1 day)' },
    }
    packaged = await packagePipelines([pipelineWith('odd', { environment }, { source })])
  })
  after(() => rm(packaged.dir, { recursive: true, force: true }))

  it('gets into the template as it is written, and with nothing of this machine', () => {
    const { template } = packaged
    const [[, { Properties }] = assert.fail()] = ofType(template, 'AWS::Batch::JobDefinition')
    const environment = resolved(at(Properties, 'ContainerProperties.Environment'), template) as Node[]
    const given = environment.filter(({ Name }) => String(Name).startsWith('WORD_'))
    assert.deepEqual(
      given.map(({ Value }) => Value),
      words.map(word => `a ${word} b`),
    )
  })

  it('has the very prefix in what it hears of, and in what it may read', () => {
    const { template } = packaged
    const rules = ofType(template, 'AWS::Events::Rule').filter(([id]) => id.startsWith('SourceBucket'))
    const [[, { Properties }] = assert.fail()] = rules
    const keys = at(resolved(Properties.EventPattern, template), 'detail.object.key')
    assert.deepEqual(keys, [{ prefix: `${variable('env:PATH')}/*/` }])
    const read = JSON.stringify(resolved(template.Resources.JobRoleOdd, template))
    assert.ok(read.includes(`somebodys-lake/${variable('$')}{env:PATH}/${variable('*')}/*`), read)
  })
})

describe('what is generated', () => {
  it('keeps what is for CloudFormation or for a policy to fill in', () => {
    const part = {
      Resource: [`arn:aws:s3:::a/${variable('$')}${variable('*')}${variable('?')}/*`],
      Sub: { 'Fn::Sub': `s3.${variable('AWS::Region')}.amazonaws.com` },
      Number: 3,
      None: null,
    }
    assert.deepEqual(asWritten(part), part)
  })
})
