/** The sizes that Fargate has. Pure. */

export interface Size {
  vcpus: number
  memoryMiB: number
}

const GiB = 1024
/** Source: the VCPU and MEMORY of Batch's ResourceRequirement. */
const sizes: readonly { vcpus: number; minMiB: number; maxMiB: number; stepMiB: number }[] = [
  { vcpus: 0.25, minMiB: 512, maxMiB: 2 * GiB, stepMiB: 512 },
  { vcpus: 0.5, minMiB: GiB, maxMiB: 4 * GiB, stepMiB: GiB },
  { vcpus: 1, minMiB: 2 * GiB, maxMiB: 8 * GiB, stepMiB: GiB },
  { vcpus: 2, minMiB: 4 * GiB, maxMiB: 16 * GiB, stepMiB: GiB },
  { vcpus: 4, minMiB: 8 * GiB, maxMiB: 30 * GiB, stepMiB: GiB },
  { vcpus: 8, minMiB: 16 * GiB, maxMiB: 60 * GiB, stepMiB: 4 * GiB },
  { vcpus: 16, minMiB: 32 * GiB, maxMiB: 120 * GiB, stepMiB: 8 * GiB },
]
export const fargateSizeMax: Size = { vcpus: 16, memoryMiB: 120 * GiB }

/** The smallest size with at least so much of both; `undefined` where there is none. */
export function fargateSizeOf({ vcpus, memoryMiB }: Size): Size | undefined {
  const size = sizes.find(each => each.vcpus >= vcpus && each.maxMiB >= memoryMiB)
  if (size === undefined) return undefined
  const asked = Math.max(memoryMiB, size.minMiB)
  const rounded =
    size.vcpus === 0.25 && asked > GiB ? 2 * GiB : Math.ceil(asked / size.stepMiB) * size.stepMiB
  return { vcpus: size.vcpus, memoryMiB: rounded }
}
