import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { typed } from '../support/typed.ts'

const DESCRIPTORS = join(import.meta.dirname, '../fixtures/installation')

test('Okapi is not up: discovery and fetch wait for what its sidecar says of it after 30 seconds', async (t) => {
  t.timeout(120_000)
  const server = createServer((_, response) => {
    setTimeout(() => {
      response.writeHead(503).end('{"reason":"module-unavailable","detail":"it’s down"}')
    }, 31_000)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const okapi = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const out = join(tmpdir(), 'sidecar-not-written')
  const outcomes = await Promise.all([
    typed(['discovery', '--okapi', okapi, '--descriptors', DESCRIPTORS]),
    typed(['policy', 'fetch', '--okapi', okapi, '--tenant', 'diku', '--out', out]),
  ])
  for (const { code, stderr } of outcomes) {
    t.is(code, 2)
    t.regex(stderr, /: 503 module-unavailable: it’s down\n/)
  }
})
