/** What this repository demands of itself, so that nobody has to remember it. */
import assert from 'node:assert/strict'
import path from 'node:path'
import { describe, it } from 'node:test'
import { parseDocument } from 'yaml'
import { type ErrorCode, errorCodes } from '../shared/errors.ts'
import { type FailureRule, failureCodes, failureRules } from '../shared/failure.ts'
import {
  functionNames,
  JobStatus,
  Occasion,
  PartitionState,
  RoundState,
  RunState,
} from '../shared/vocabulary.ts'
import {
  allFiles,
  directlyIn,
  found,
  importsOf,
  inFolder,
  sources,
  textOf,
  withoutComments,
} from './rules/tree.ts'

const except = (...names: string[]): typeof sources => sources.filter(({ name }) => !names.includes(name))
const packageJson = JSON.parse(textOf('package.json')) as {
  scripts: Record<string, string>
  [kind: string]: Record<string, string>
}

/** `file -> specifier` for every import of these files that the test holds of. */
function imports(files: typeof sources, wrong: (specifier: string) => boolean): string[] {
  return files.flatMap(file =>
    importsOf(file)
      .filter(wrong)
      .map(specifier => `${file.name} -> ${specifier}`),
  )
}

const packageOf = (specifier: string): string =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
/** Stands in the last test for any package. */
const madeUp = '@made-up/package'

describe('the functions', () => {
  it('are the same in the folder, in serverless.yml and in the vocabulary, in the order of the flow', () => {
    const { functions } = parseDocument(textOf('serverless.yml'), { logLevel: 'silent' }).toJS()
    assert.deepEqual(Object.keys(functions), [...functionNames])
    const files = directlyIn('functions').map(({ name }) => path.basename(name, '.ts'))
    assert.deepEqual(files.toSorted(), [...functionNames].toSorted())
  })

  it('cannot call one another: a change in the record and an event open the next door', () => {
    const doors = functionNames.map(name => `/${name}.ts`)
    assert.deepEqual(
      imports(directlyIn('functions'), specifier => doors.some(door => specifier.endsWith(door))),
      [],
    )
  })
})

describe('the layers', () => {
  const ambient =
    /^@aws-sdk|^@aws-lambda|^@middy|^@slack|^@duckdb|^node:(fs|net|http|https|child_process|sqlite)|^\.\/(aws|memory|slack)\//

  it('keep the nouns pure: no SDK, no file, no network, no framework', () => {
    const nouns = directlyIn('shared').filter(({ name }) => !/\/(wire|config|clock)\.ts$/.test(name))
    assert.ok(nouns.length >= 10)
    assert.deepEqual(
      imports(nouns, specifier => ambient.test(specifier)),
      [],
    )
  })

  it('keep middy and Powertools in the functions, but for the one that reads secrets', () => {
    const others = except('shared/aws/secrets.ts').filter(({ name }) => !name.startsWith('functions/'))
    assert.deepEqual(
      imports(others, specifier => /^@middy|^@aws-lambda-powertools/.test(specifier)),
      [],
    )
  })

  it('point one way: shared knows nobody, the functions and the worker know only shared', () => {
    const above = /(^|\/)(functions|worker|local|sim|cli|console|bench|infra)\//
    // The stage decides: on one machine the worker's ports are the embedded ones.
    const allowed = ['../local/world.ts']
    const upward = [
      ...imports(inFolder('shared'), specifier => above.test(specifier)),
      ...imports(inFolder('functions'), specifier => /(^|\/)(worker|local|sim|cli|bench)\//.test(specifier)),
      ...imports(
        inFolder('worker'),
        specifier =>
          /(^|\/)(functions|local|sim|cli|bench)\//.test(specifier) && !allowed.includes(specifier),
      ),
    ]
    assert.deepEqual(upward, [])
  })

  it('let the simulator know the house, its events and its wiring, and nothing that is of one machine', () => {
    const local = /(^|\/)local\/(?!events\/|serverless\/)/
    const outside = (specifier: string): boolean =>
      local.test(specifier) || /(^|\/)(test|cli|console|bench)\/|\/(aws|duckdb)\//.test(specifier)
    assert.ok(inFolder('sim').length > 10)
    assert.deepEqual(imports(inFolder('sim'), outside), [])
  })
})

describe('time, chance, names, settings and words', () => {
  it('come from the clock alone', () => {
    const drawn = /\bDate\.now\b|\bnew Date\(|\bMath\.random\b|\brandomUUID\b/
    assert.deepEqual(found(except('shared/clock.ts'), drawn), [])
  })

  it('are read from the environment in one place', () => {
    assert.deepEqual(found(except('shared/config.ts'), /\bprocess\.env\b/), [])
  })

  it('of state are spelled in the vocabulary alone', () => {
    const words = [RunState, RoundState, PartitionState, JobStatus, Occasion].flatMap(Object.values)
    // A failure code of the same spelling, which is another thing.
    const failureWords = new Set<string>(failureCodes)
    const spelled = new RegExp(
      `(['"\`])(?:${[...new Set(words)].filter(word => !failureWords.has(word)).join('|')})\\1`,
    )
    assert.deepEqual(found(except('shared/vocabulary.ts'), spelled), [])
  })

  it('of failure each have a rule with words and a remedy, and are given by something', () => {
    for (const code of failureCodes) {
      const rule: FailureRule = failureRules[code]
      assert.match(rule.words, /^\S.*[^.]$/, code)
      assert.match(rule.remedy, /^[A-Z].*\.$/, code)
    }
    const unused = failureCodes.filter(
      code => found(sources, new RegExp(`['"]${code}['"]|failureRules\\.${code}`)).length === 0,
    )
    assert.deepEqual(unused, [])
  })

  it('of error each have their comment, and are thrown by something', () => {
    const lines = textOf('shared/errors.ts').split('\n')
    for (const code of Object.keys(errorCodes) as ErrorCode[]) {
      const line = lines.findIndex(text => text.startsWith(`  ${code}: {`))
      assert.match(lines[line - 1] ?? '', /^ {2}\/\*\* [A-Z].*\. \*\/$/, code)
    }
    const unused = Object.keys(errorCodes).filter(
      code => found(except('shared/errors.ts'), new RegExp(`'${code}'`)).length === 0,
    )
    assert.deepEqual(unused, [])
  })
})

describe('the files', () => {
  const linesMax = 200

  it('are short', () => {
    const long = sources.map(({ name, text }) => ({ name, lines: text.trimEnd().split('\n').length }))
    assert.deepEqual(
      long.filter(({ lines }) => lines > linesMax),
      [],
    )
  })

  it('lie in no drawer for everything', () => {
    const drawer = /(^|\/)(utils?|types|common|helpers?)(\/|\.ts$)/
    assert.deepEqual(
      allFiles.map(({ name }) => name).filter(name => drawer.test(name)),
      [],
    )
  })

  it('leave nothing for later', () => {
    const later = /\b(TO[D]O|FIX[M]E|X[X]X|HA[C]K)\b/
    assert.deepEqual(found(allFiles, later, 'text'), [])
  })

  it('name no machine and no package registry', () => {
    const machine = /(?<![\w.~*-])\/(?:root|Users\/\w|home\/\w|[w]ork\/|workspaces?\/)/
    const registry = /registry\.(?:npmjs|yarnpkg)|\bpypi\.org|files\.pythonhosted|proxy\.golang|repo1?\.maven/
    assert.deepEqual(
      [
        ...found(
          allFiles.filter(({ name }) => name !== 'test/rules.test.ts'),
          machine,
          'text',
        ),
      ],
      [],
    )
    assert.deepEqual(
      found(
        allFiles.filter(({ name }) => name !== 'test/rules.test.ts'),
        registry,
        'text',
      ),
      [],
    )
  })

  it('listen on the loopback address only', () => {
    const typescript = allFiles.filter(({ name }) => name.endsWith('.ts'))
    // A call on a server: a port, or a name for one, comes first.
    const calls = found(typescript, /\b\w*(?:erver|http|sink)\w*\.listen\([^\n]*/)
    assert.ok(calls.length > 0)
    const open = calls.filter(call => !/127\.0\.0\.1|\bhost\b|\bloopback\b/.test(call))
    assert.deepEqual(open, [])
    assert.deepEqual(found(typescript, /['"`](?:0\.0\.0\.0|::)['"`]/), [])
  })
})

describe('what others made', () => {
  it('is pinned to the exact version', () => {
    const exact = /^(npm:[\w@/-]+@)?\d+\.\d+\.\d+(-[\w.]+)?$/
    const loose = ['dependencies', 'devDependencies', 'optionalDependencies'].flatMap(kind =>
      Object.entries(packageJson[kind] ?? {}).filter(([, version]) => !exact.test(version)),
    )
    assert.deepEqual(loose, [])
  })

  it('is imported only where package.json names it', () => {
    const named = ['dependencies', 'devDependencies'].flatMap(kind => Object.keys(packageJson[kind] ?? {}))
    const own = ['millrace', 'millrace:pipelines']
    const foreign = imports(
      allFiles.filter(({ name }) => name.endsWith('.ts')),
      specifier =>
        /^@?[a-z][\w./-]*$/.test(specifier) &&
        specifier !== madeUp &&
        !specifier.startsWith('node:') &&
        !own.includes(specifier),
    )
    const unnamed = foreign.filter(
      row => ![...named, 'aws-lambda'].includes(packageOf(row.split(' -> ')[1] ?? '')),
    )
    assert.deepEqual(unnamed, [])
  })

  it('in the workflow is pinned to a commit', () => {
    const workflows = allFiles.filter(({ name }) => name.startsWith('.github/workflows/'))
    const used = found(workflows, /uses: \S+/, 'text')
    assert.ok(used.length > 0)
    assert.deepEqual(
      used.filter(use => !/@[0-9a-f]{40}$/.test(use)),
      [],
    )
  })
})

describe('the commands that are written down', () => {
  const documents = allFiles.filter(
    ({ name }) => name.endsWith('.md') || name === '.ci/run' || name.startsWith('.github/'),
  )

  it('exist as npm scripts', () => {
    const called = found(documents, /npm (?:run [\w:-]+|test\b)/, 'text').map(row =>
      row.replace(/^.*npm (run )?/, ''),
    )
    assert.ok(called.includes('test') && called.includes('demo'))
    assert.deepEqual(
      [...new Set(called)].filter(script => !(script in packageJson.scripts)),
      [],
    )
  })

  it('exist as verbs of the command line', () => {
    const verbs = inFolder('cli').flatMap(({ code }) =>
      [...code.matchAll(/\.command\(\s*['"`]([a-z]+)/g)].map(([, verb]) => verb),
    )
    const said = found([...documents, ...sources], /npx millrace [a-z]+/, 'text').map(row =>
      row.replace(/^.* /, ''),
    )
    assert.ok(said.length > 0)
    assert.deepEqual(
      [...new Set(said)].filter(verb => !verbs.includes(verb)),
      [],
    )
  })

  it('are in the README', () => {
    const readme = textOf('README.md')
    for (const command of ['npm ci', 'npm run demo', 'npm test', 'npx millrace drop', 'npm run package']) {
      assert.ok(readme.includes(command), command)
    }
  })
})

describe('these rules', () => {
  it('can tell a comment from a string', () => {
    assert.equal(withoutComments(`a('https://x') // no\n/* no */b("//")`), `a('https://x') \nb("//")`)
  })

  it('can find what they forbid', () => {
    const file = {
      name: 'x.ts',
      text: '',
      code: `import { a } from '@made-up/package'\nawait import('./aws/y.ts')\nexport * from "node:fs"\nBuffer.from('x')`,
    }
    assert.deepEqual(importsOf(file), [madeUp, './aws/y.ts', 'node:fs'])
    assert.deepEqual(found([{ ...file, code: 'x = Date.now()' }], /Date\.now/), ['x.ts: Date.now'])
  })
})
