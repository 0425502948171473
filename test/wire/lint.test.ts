/** What cfn-lint, which somebody else wrote, says of a stage that has all there is, and of one in a network of the user's. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import path from 'node:path'
import { describe, it } from 'node:test'
import { promisify } from 'node:util'
import { everyPipeline, everySwitch } from '../infra/every.ts'
import { packagePipelines } from '../infra/packaged.ts'

const cfnLint = path.resolve(import.meta.dirname, '../../.second-opinions/venv/bin/cfn-lint')
const skip = existsSync(cfnLint) ? false : 'cfn-lint is not installed: test/second-opinions/install.sh'
/** The packager's own, and parameters that are left empty on purpose: as in .ci/run. */
const ignored = ['W3005', 'W1033', 'W8003']
const lintMsMax = 120_000

const ownNetwork = ['subnetIds=subnet-0123456789abcdef0', 'securityGroupIds=sg-0123456789abcdef0']
const stages = {
  'with all there is': everySwitch,
  'in a network that is there': ownNetwork.flatMap(param => ['--param', param]),
}

describe('cfn-lint', { skip }, () => {
  for (const [name, options] of Object.entries(stages)) {
    it(`finds no fault in a stage ${name}`, async () => {
      const { dir } = await packagePipelines(everyPipeline, ...options)
      const template = path.join(dir, '.serverless', 'cloudformation-template-update-stack.json')
      const words = ['--ignore-checks', ...ignored, '--', template]
      try {
        const { stdout } = await promisify(execFile)(cfnLint, words, { timeout: lintMsMax })
        assert.equal(stdout, '')
      } finally {
        await rm(dir, { recursive: true, force: true })
      }
    })
  }
})
