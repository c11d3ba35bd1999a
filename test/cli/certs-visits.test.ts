import test from 'ava'
import { certs } from '../pki/tools.ts'
import { ID, Place } from '../support/scenario.ts'

/** What the alert SidecarForgedRequests is about, and others are about what a module calls without having declared it. */
const NEVER = /caller-not-allowed|route-not-declared|interface-not-required|wrong-peer/

test('who asks a sidecar for its certificate with credentials is no forger there', async (t) => {
  const place = await Place.make()
  const forward = 'http://127.0.0.1:1'
  const users = await place.sidecar(ID.users, { ingress: { listen: '127.0.0.1:0', forward } })
  t.teardown(async () => {
    await users.stop()
    await place.close()
  })
  const peer = `127.0.0.1:${users.port('ingress')}`
  const mine = await place.certificate(ID.tags)
  const { code, stdout, stderr } = await certs('status', peer, '--credentials', mine)
  t.is(code, 0, stderr)
  t.regex(stdout, /accepts our certificate/)
  const rehearsed = await certs('rehearse', '--next', mine, '--peers', peer)
  t.is(rehearsed.code, 0, rehearsed.stderr)
  const metrics = await (await fetch(`http://127.0.0.1:${users.port('admin')}/metrics`)).text()
  const counted = metrics.match(/^sidecar_refusals_total\{.*\} [1-9].*$/gm) ?? []
  t.is(counted.length, 1, counted.join('\n'))
  t.regex(counted[0]!, /reason="version-not-supported"\} 2$/)
  t.notRegex(counted[0]!, NEVER)
})
