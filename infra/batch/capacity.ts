/** Jobs that no environment of theirs would ever hold: told when packaging, and not by a queue that is blocked. Pure. */
import { MillraceError } from '../../shared/errors.ts'
import type { Pipeline } from '../../shared/pipeline.ts'
import type { Settings } from './settings.ts'

/** Errors: CONFIG_INVALID, naming each pipeline whose job is larger than the least that bounds it. */
export function refuseUnplaceable(pipelines: readonly Pipeline[], settings: Settings): void {
  const faults = pipelines.flatMap(({ name, job }) => {
    const vcpus = job.vcpus * (job.nodes ?? 1)
    const [bound, max] = boundOf(job, settings)
    return vcpus <= max ? [] : [`  ${name}: a job of ${vcpus} vCPUs, where ${bound} is ${max}`]
  })
  if (faults.length === 0) return
  const remedy = 'Ask for less in job.vcpus, or raise what bounds it.'
  throw new MillraceError(
    'CONFIG_INVALID',
    `No compute environment would hold\n${faults.join('\n')}\n${remedy}`,
    { remedy },
  )
}

/** Every job may come to be run on demand. */
function boundOf({ instances }: Pipeline['job'], settings: Settings): [string, number] {
  if (instances !== undefined) return ['job.instances.maxvCpus', instances.maxvCpus]
  const { maxvCpus, maxvCpusOnDemand } = settings
  return maxvCpus < maxvCpusOnDemand ? ['maxvCpus', maxvCpus] : ['maxvCpusOnDemand', maxvCpusOnDemand]
}
