/** Whether a failed attempt is retried: evaluateOnExit. Pure. */
import { refuse } from './refusal.ts'

export interface ExitRule {
  action: string
  onStatusReason?: string | undefined
  onReason?: string | undefined
  onExitCode?: string | undefined
}

export interface RetryStrategy {
  attempts?: number | undefined
  evaluateOnExit?: ExitRule[] | undefined
}

export interface ExitFacts {
  statusReason?: string | undefined
  reason?: string | undefined
  exitCode?: number | undefined
}

const attemptsMax = 10
const rulesMax = 5
const patternLengthMax = 512
/** AWS Batch API reference, EvaluateOnExit: letters, digits, `.`, `:`, white space, one trailing `*`. */
const reasonPattern = /^[A-Za-z0-9.:\s]*\*?$/
const exitCodePattern = /^[0-9]*\*?$/

/** All keys of a rule must match; the first rule that does decides; no rule matches: RETRY. */
export function isRetried(rules: readonly ExitRule[], facts: ExitFacts): boolean {
  const rule = rules.find(candidate => appliesTo(candidate, facts))
  return rule === undefined || rule.action.toUpperCase() === 'RETRY'
}

function appliesTo(rule: ExitRule, facts: ExitFacts): boolean {
  return (
    matches(rule.onStatusReason, facts.statusReason) &&
    matches(rule.onReason, facts.reason) &&
    matches(rule.onExitCode, facts.exitCode === undefined ? undefined : String(facts.exitCode))
  )
}

/** What was never said matches `*`: the recipe `{ onReason: '*', action: EXIT }` of the user guide counts on it. */
function matches(pattern: string | undefined, said = ''): boolean {
  if (pattern === undefined) return true
  return pattern.endsWith('*') ? said.startsWith(pattern.slice(0, -1)) : said === pattern
}

/** Errors: MALFORMED in Batch's words. */
export function checkRetryStrategy(strategy: RetryStrategy | undefined): void {
  if (strategy === undefined) return
  const { attempts, evaluateOnExit: rules } = strategy
  if (attempts === undefined) refuse('RetryAttempts must be provided with retry strategy')
  if (attempts < 1 || attempts > attemptsMax) refuse(`Retry attempts must be between 1 and ${attemptsMax}`)
  if (rules === undefined) return
  if (rules.length > rulesMax) refuse(`Up to ${rulesMax} evaluateOnExit condition can be specified.`)
  for (const rule of rules) checkRule(rule)
}

function checkRule(rule: ExitRule): void {
  if (!['RETRY', 'EXIT'].includes(rule.action.toUpperCase())) {
    refuse('Evaluate on exit action must be one of RETRY, EXIT.')
  }
  const given = [rule.onStatusReason, rule.onReason, rule.onExitCode].filter(pattern => pattern !== undefined)
  if (given.length === 0) refuse('Evaluate on exit must specify at least one condition.')
  const restricted =
    !reasonPattern.test(rule.onStatusReason ?? '') ||
    !reasonPattern.test(rule.onReason ?? '') ||
    !exitCodePattern.test(rule.onExitCode ?? '')
  if (restricted) refuse('Evaluate on exit condition contains restricted characters.')
  if (given.some(pattern => pattern.length > patternLengthMax)) {
    refuse(`Evaluate on exit condition must be at most ${patternLengthMax} characters.`)
  }
}
