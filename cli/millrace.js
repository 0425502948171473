#!/usr/bin/env node
// Plain JavaScript, so that an older Node can say what is wrong instead of failing on the first TypeScript file.
const [major] = process.versions.node.split('.').map(Number)
if (major < 24) {
  console.error(`Millrace needs Node 24; this is Node ${process.versions.node}.`)
  console.error('Inside the checkout run `npm ci` once, then `npx millrace ...`: npm brings Node 24 along')
  console.error('on Linux and Windows. On macOS install Node 24.')
  process.exit(1)
}
const { main } = await import('./main.ts')
process.exitCode = await main(process.argv)
