/** What `npm ci --omit=dev` lays out for a package.json and a lock file, without npm and the network. */

interface Locked {
  dependencies?: Record<string, string>
  optionalDependencies?: Record<string, string>
  peerDependencies?: Record<string, string>
  peerDependenciesMeta?: Record<string, { optional?: boolean }>
  os?: string[]
  cpu?: string[]
  libc?: string[]
}

export interface Platform {
  os: string
  cpu: string
  libc: string
}

/** @returns folders such as `node_modules/a/node_modules/b`. Errors: a package that the lock file lacks */
export function productionFolders(
  manifest: { dependencies: Record<string, string> },
  lock: { packages: Record<string, Locked> },
  platform: Platform,
): string[] {
  const folders = new Set<string>()
  const waiting = Object.keys(manifest.dependencies).map(name => ({ name, from: '', optional: false }))
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const folder = placeOf(lock.packages, next.name, next.from)
    const locked = folder === undefined ? undefined : lock.packages[folder]
    if (folder === undefined || locked === undefined) {
      if (next.optional) continue
      throw new Error(`${next.name}, wanted by ${next.from || 'the worker'}, is not in the lock file`)
    }
    if (folders.has(folder) || (next.optional && !fits(locked, platform))) continue
    folders.add(folder)
    const { optionalDependencies = {}, peerDependenciesMeta = {} } = locked
    for (const name of Object.keys({ ...locked.dependencies, ...optionalDependencies })) {
      waiting.push({ name, from: folder, optional: name in optionalDependencies })
    }
    for (const name of Object.keys(locked.peerDependencies ?? {})) {
      if (!peerDependenciesMeta[name]?.optional) waiting.push({ name, from: folder, optional: false })
    }
  }
  return [...folders].toSorted()
}

/** As Node looks for it: beside the package, then further and further up. */
function placeOf(packages: Record<string, Locked>, name: string, from: string): string | undefined {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))) {
    const place = `${folder === '' ? '' : `${folder}/`}node_modules/${name}`
    if (place in packages) return place
    if (folder === '') return undefined
  }
}

function fits({ os, cpu, libc }: Locked, platform: Platform): boolean {
  return takes(os, platform.os) && takes(cpu, platform.cpu) && takes(libc, platform.libc)
}

function takes(listed: string[] | undefined, own: string): boolean {
  return listed === undefined || listed.includes(own)
}
