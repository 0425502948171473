/** Preloaded (`node --import`): this process sees the source with one bug planted, and the files stay as they are. */
import { registerHooks } from 'node:module'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { environment } from '../../shared/config.ts'
import { mutants } from './list.ts'

const name = environment().MILLRACE_MUTANT
const mutant = mutants.find(one => one.name === name)
if (mutant === undefined) throw new Error(`no mutant is called ${name}`)
const { from, to } = mutant
const url = pathToFileURL(path.join(import.meta.dirname, '../..', mutant.file)).href

registerHooks({
  load(asked, context, nextLoad) {
    const loaded = nextLoad(asked, context)
    if (asked !== url) return loaded
    const source = String(loaded.source)
    const places = source.split(from).length - 1
    if (places !== 1) throw new Error(`${mutant.file} has ${places} places for ${name}`)
    return { ...loaded, source: source.replace(from, () => to) }
  },
})
