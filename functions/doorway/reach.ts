/**
 * What a function may reach in AWS. It names at its doorway what it needs; nothing else gets into its bundle, and the
 * rest is no part of its world. Loaded at cold start and not before: the local stack has no use for the SDK.
 */
import type { Config } from '../../shared/config.ts'
import type { Bus, Chat, Jobs, Objects, Ports, Records } from '../../shared/ports.ts'

export type Open<Port> = (config: Config) => Promise<Port>

/** `bus` may be one that only publishes. */
export type Reach = {
  [name in keyof Ports]?: Open<name extends 'bus' ? Pick<Bus, 'publish'> : Ports[name]>
}

export type Reached<Opens extends Reach> = {
  [name in keyof Opens]: Opens[name] extends Open<infer Port> ? Port : never
}

export const s3: Open<Objects> = async () => (await import('../../shared/aws/objects.ts')).openObjects()

export const dynamodb: Open<Records> = async ({ table }) =>
  (await import('../../shared/aws/records.ts')).openRecords(table)

export const batch: Open<Jobs> = async () => (await import('../../shared/aws/jobs.ts')).openJobs()

/** Without EventBridge Scheduler. */
export const eventBridge: Open<Pick<Bus, 'publish'>> = async config =>
  (await import('../../shared/aws/publisher.ts')).openPublisher(config)

export const eventBridgeAndScheduler: Open<Bus> = async config =>
  (await import('../../shared/aws/bus.ts')).openBus(config)

export const slack: Open<Chat> = async config => (await import('./chat.ts')).openChat(config)
