/** One deployment at a time from a checkout: `dist/` and `.serverless/` are of the one that wrote them last. */
import path from 'node:path'
import { occupy } from '../../local/presence.ts'
import { isError, MillraceError } from '../../shared/errors.ts'

/** Beside the local stage's data, where git does not look. */
const folder = path.join('.millrace', 'deploy')

/** Errors: NOT_ALLOWED while another process deploys from there, or says what it would deploy; those of the work. */
export async function alone<Result>(root: string, work: () => Promise<Result>): Promise<Result> {
  const { leave } = enter(root)
  try {
    return await work()
  } finally {
    leave()
  }
}

function enter(root: string): { leave(): void } {
  try {
    return occupy(path.join(root, folder))
  } catch (cause) {
    if (!isError(cause, 'NOT_ALLOWED')) throw cause
    throw new MillraceError('NOT_ALLOWED', `Another deployment is under way from ${root}`, {
      cause,
      remedy: 'Wait for it, or deploy from another checkout: they would mix each other’s functions up.',
    })
  }
}
