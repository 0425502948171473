/** What a stage has for its pipelines, if it can have it. Pure. */
import type { Pipeline } from '../shared/pipeline.ts'
import { refuseUnplaceable } from './batch/capacity.ts'
import { batchResources, type Part } from './batch/resources.ts'
import type { Settings } from './batch/settings.ts'
import { refuseTooLarge } from './limits.ts'
import { networkResources } from './network/resources.ts'
import { scheduleResources } from './schedules.ts'
import { sourceBucketResources } from './source-buckets.ts'

/**
 * Of Batch, looked at together with all else that pipelines bring.
 * Errors: CONFIG_INVALID where a job fits no compute environment, or all of it into no stack.
 */
export function batchPart(pipelines: readonly Pipeline[], settings: Settings): Part {
  refuseUnplaceable(pipelines, settings)
  const part = batchResources(pipelines, settings)
  refuseTooLarge({
    ...part.Resources,
    ...networkResources(settings.network),
    ...sourceBucketResources(pipelines),
    ...scheduleResources(pipelines, settings.stage),
  })
  return part
}
