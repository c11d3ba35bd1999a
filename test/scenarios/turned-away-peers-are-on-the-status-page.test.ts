import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import type { StatusFacts } from '../../src/observe/status/facts.ts'
import { createAuthority } from '../../src/pki/ca.ts'
import { until } from '../support/scenario/metrics.ts'
import { ask, get, ID, Place, type Where } from '../support/scenario.ts'
import { typed } from '../support/typed.ts'

// A certificate that is wrong is looked for on the status page, too: what is turned away at the handshake
// is a refusal like any other.

let place: Place
let foreign: string
test.before(async () => {
  place = await Place.make()
  foreign = await mkdtemp(join(tmpdir(), 'foreign-'))
})
test.after.always(async () => {
  await place?.close()
  await rm(foreign, { recursive: true, force: true })
})

for (const workers of [1, 2]) {
  test(`no certificate, and one of another CA, with ${workers} threads`, async (t) => {
    const start = workers === 1 ? place.sidecar.bind(place) : place.process.bind(place)
    const sidecar = await start(ID.users, {
      ingress: { listen: '127.0.0.1:0', forward: 'http://127.0.0.1:9' },
      workers,
    })
    t.teardown(() => sidecar.stop())
    const authority = await createAuthority(join(foreign, String(workers)), {
      trustDomain: 'folio.test',
    })
    const { dir } = await authority.issue(ID.okapi, { ips: ['127.0.0.1'], powerful: true })
    const port = sidecar.port('ingress')
    // It calls the right server all the same.
    const ours = await place.certificate(ID.notes)
    await copyFile(join(ours, 'ca.crt'), join(dir, 'ca.crt'))
    const wheres: readonly Where[] = [
      { port, certificate: dir, shown: false },
      { port, certificate: dir, shown: false },
      { port, certificate: dir },
    ]
    for (const where of wheres) await ask(where, get('/users/1'))
    const status = `http://127.0.0.1:${sidecar.port('status')}`
    const seen = async () => {
      const facts = (await (await fetch(`${status}/status.json`)).json()) as StatusFacts
      return facts.refusals.map(({ reason, caller, method, times }) =>
        [reason, caller, method, times].join(' '),
      )
    }
    const expected = ['no-certificate 127.0.0.1  2', 'untrusted-certificate 127.0.0.1  1']
    await until(async () => (await seen()).toSorted().join() === expected.join())
    const { stdout } = await typed(['status', status])
    t.regex(
      stdout,
      /, 2 times since .* UTC {2}no-certificate\n {4}127\.0\.0\.1: before a request was read\n/,
    )
    t.regex(stdout, /untrusted-certificate\n(.*\n)+ {4}requestId [0-9a-f-]{36}\n/)
  })
}
