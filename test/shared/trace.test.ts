import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { traceContext, traceHeader } from '../../shared/trace.ts'

const root = '1-5759e988-bd862e3fe1be46a994272793'
const parent = '53995c3f42cd8ad8'

describe("X-Ray's header", () => {
  it('is read whatever its order and whatever is beside', () => {
    const expected = { root, parent, sampled: true }
    const headers = [
      `Root=${root};Parent=${parent};Sampled=1`,
      `Sampled=1;Lineage=25:a87bd80c:0;Parent=${parent};Root=${root}`,
    ]
    for (const header of headers) assert.deepEqual(traceContext(header), expected)
  })

  it('is handed on without what is beside', () => {
    const context = traceContext(`Root=${root};Parent=${parent};Sampled=0;Lineage=25:a87bd80c:0`)
    assert.ok(context)
    assert.equal(traceHeader(context), `Root=${root};Parent=${parent};Sampled=0`)
  })

  it('cannot be made of less than a trace and a segment', () => {
    for (const header of [undefined, '', ';', '=', root, `Root=${root};Sampled=1`, `Parent=${parent}`]) {
      assert.equal(traceContext(header), undefined, header)
    }
  })
})
