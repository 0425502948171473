/** What is asked of ports, counted where AWS would charge for it: calls by name, and bytes of documents and items. */
import type { ObjectRef, Objects, Ports, ReadOptions, Records, WriteOptions } from '../shared/ports.ts'
import type { Item, Outcome } from '../shared/table.ts'
import { itemBytes } from '../shared/table-rules.ts'

export interface PortCosts {
  /** By `<port>.<method>`. */
  calls: Record<string, number>
  /** Of what the house keeps for itself: objects of the state bucket, certificates. */
  documentBytesRead: number
  documentBytesWritten: number
  /** Of whole items, as DynamoDB charges for them. */
  itemBytesRead: number
  itemBytesWritten: number
}

export const noCosts = (): PortCosts => ({
  calls: {},
  documentBytesRead: 0,
  documentBytesWritten: 0,
  itemBytesRead: 0,
  itemBytesWritten: 0,
})

/** The same ports; `costs` grows with every call. @param isDocument tells those from sources and outputs */
export function costed(ports: Ports, costs: PortCosts, isDocument: (ref: ObjectRef) => boolean): Ports {
  const called = (name: string): void => {
    costs.calls[name] = (costs.calls[name] ?? 0) + 1
  }
  return {
    objects: through('objects', objectBytes(ports.objects, costs, isDocument), called),
    records: through('records', recordBytes(ports.records, costs), called),
    jobs: through('jobs', ports.jobs, called),
    bus: through('bus', ports.bus, called),
    chat: through('chat', ports.chat, called),
    clock: ports.clock,
  }
}

function objectBytes(base: Objects, costs: PortCosts, isDocument: (ref: ObjectRef) => boolean): Objects {
  return {
    ...base,
    read: async (ref: ObjectRef, options?: ReadOptions) => {
      if (isDocument(ref)) costs.documentBytesRead += (await base.head(ref))?.bytes ?? 0
      return base.read(ref, options)
    },
    write: async (ref: ObjectRef, body, options?: WriteOptions) => {
      const info = await base.write(ref, body, options)
      if (isDocument(ref)) costs.documentBytesWritten += info.bytes
      return info
    },
  }
}

function recordBytes(base: Records, costs: PortCosts): Records {
  const read = (items: readonly Item[]): void => {
    for (const item of items) costs.itemBytesRead += itemBytes(item)
  }
  const written = (outcome: Outcome): Outcome => {
    if (outcome.ok) costs.itemBytesWritten += itemBytes(outcome.item)
    return outcome
  }
  return {
    get: async key => {
      const item = await base.get(key)
      if (item) read([item])
      return item
    },
    query: async query => {
      const page = await base.query(query)
      read(page.items)
      return page
    },
    put: async (item, guard) => written(await base.put(item, guard)),
    update: async (key, change, guard) => written(await base.update(key, change, guard)),
  }
}

function through<Port extends object>(port: string, base: Port, called: (name: string) => void): Port {
  return new Proxy(base, {
    get: (target, method) => {
      const found: unknown = Reflect.get(target, method)
      if (typeof found !== 'function') return found
      return (...given: unknown[]): unknown => {
        called(`${port}.${String(method)}`)
        return Reflect.apply(found, target, given)
      }
    },
  })
}
