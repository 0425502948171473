/** A fresh folder for one test, gone when the test ends. */
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { TestContext } from 'node:test'

export function tempDir(t: TestContext): string {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'millrace-local-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}
