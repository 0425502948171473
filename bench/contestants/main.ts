/** One contestant in a process of its own: `main.ts <title of its case> <its name> <folder of the inputs>`. */
import { measure } from './contestants.ts'

const [title = '', name = '', folder = ''] = process.argv.slice(2)
process.stdout.write(JSON.stringify(await measure(title, name, folder)))
