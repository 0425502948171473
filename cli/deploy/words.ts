/** What a deployment, or a dry run of one, says to a person. Pure. */
import { countOf, tableText } from '../words.ts'
import type { Deployed } from './deploy.ts'
import type { DryRun } from './dry-run.ts'
import type { IdleCost } from './idle-cost.ts'
import { pricesOf } from './prices.ts'
import type { Removed } from './remove.ts'

const gap = 2

/** @param columns of the terminal: what does not fit is counted; without one every resource is named */
export function dryRunText(
  { stage, region, contents, kept, idleCost }: DryRun,
  columns = Number.POSITIVE_INFINITY,
): string {
  const count = contents.reduce((sum, group) => sum + group.count, 0)
  const kinds = contents.flatMap(({ group, types }) =>
    Object.entries(types).map(([type, ids], at) => ({ group: at === 0 ? group : '', type, ids })),
  )
  const left = kinds.map(({ group, ids, type }) => [group, String(ids.length), type])
  const widths = [0, 1, 2].map(column => Math.max(0, ...left.map(row => row[column]?.length ?? 0)) + gap)
  const room = columns - widths.reduce((sum, width) => sum + width, 0)
  const rows = left.map((row, at) => [...row, fitting(kinds[at]?.ids ?? [], room)])
  return [
    `Stage ${stage} in ${region} would have ${countOf(count, 'resource')}; nothing was made.`,
    '',
    tableText(rows),
    '',
    `Kept when the stage is removed: ${kept.join(', ')}`,
    '',
    idleCostText(idleCost),
  ].join('\n')
}

function fitting(names: readonly string[], room: number): string {
  for (let count = names.length; count > 0; count--) {
    const more = count < names.length ? `, ${names.length - count} more` : ''
    const text = `${names.slice(0, count).join(', ')}${more}`
    if (text.length <= room) return text
  }
  return ''
}

export function idleCostText({ dollars, dollarsAtMost, lines, unpriced }: IdleCost): string {
  const rows = lines.map(line => [cents(line.dollars), cents(line.dollarsAtMost), line.what, line.arithmetic])
  const unknown =
    unpriced.length === 0 ? [] : [`Not in it, for nobody knows their price here: ${unpriced.join(', ')}`]
  return [
    `Idle, it costs about ${cents(dollars)} a month, ${cents(dollarsAtMost)} where the account's other stacks`,
    `use up all that AWS gives away for ever (prices of ${pricesOf}; what is stored is stored):`,
    '',
    tableText([['a month', 'at most', 'for', 'arithmetic'], ...rows]),
    ...unknown,
  ].join('\n')
}

function cents(dollars: number): string {
  return dollars > 0 && dollars < 0.005 ? '<$0.01' : `$${dollars.toFixed(2)}`
}

/** What to do first, and where to look. */
export function deployedText({ stage, region, image, outputs, pipelines }: Deployed): string {
  const [first] = pipelines
  const rows = [
    ['image', image],
    ...Object.entries(outputs)
      .filter(([name]) => /Bucket$|^Table$|^Bus$/.test(name))
      .map(([name, value]) => [name, value]),
    ['dashboard', dashboardUrl(stage, region)],
    [
      'drop a file',
      `AWS_REGION=${region} npx millrace drop <file> --pipeline ${first?.name} --stage ${stage} --wait`,
    ],
    ['look', `AWS_REGION=${region} npx millrace runs --stage ${stage}`],
  ]
  return `Stage ${stage} is deployed in ${region}.\n\n${tableText(rows)}`
}

/** What is left, and where it is written how to be rid of that too. */
export function removedText({ stage, region, kept }: Removed): string {
  const rows = Object.entries(kept)
  const left = rows.length === 0 ? '' : `\n\nKept (docs/deploy.md, "Remove"):\n${tableText(rows)}`
  return `Stage ${stage} is removed from ${region}.${left}`
}

function dashboardUrl(stage: string, region: string): string {
  const host = region.startsWith('cn-') ? 'console.amazonaws.cn' : 'console.aws.amazon.com'
  return `https://${region}.${host}/cloudwatch/home?region=${region}#dashboards/dashboard/millrace-${stage}`
}
