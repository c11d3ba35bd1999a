import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'node:tls'
import test, { type ExecutionContext } from 'ava'
import { type Issued, makeCa, moduleNames, type TestCa } from '../support/pki.ts'
import { svidsMessage } from '../support/protobuf.ts'
import { descriptorsIn, OKAPI, serialOf, USERS } from '../support/rotation.ts'
import { Sidecar } from '../support/scenario/sidecar.ts'
import { typed } from '../support/typed.ts'
import { startAgent, svidOf } from '../support/workload-api.ts'

/** As SPIRE names workloads of Kubernetes; the configuration says which module that is. */
const WORKLOAD = 'spiffe://folio.test/ns/folio/sa/mod-users'

function configuration(t: ExecutionContext, socket: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'okapi-sidecar-spiffe-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const file = join(directory, 'sidecar.json')
  const content = {
    module: USERS,
    trustDomain: 'folio.test',
    credentials: { spiffe: { socket: `unix://${socket}` } },
    pins: { identities: { [WORKLOAD]: USERS } },
    ingress: { listen: '127.0.0.1:0', forward: 'http://127.0.0.1:1' },
    policy: { descriptors: descriptorsIn(directory) },
    admin: { listen: '127.0.0.1:0' },
    status: { listen: '127.0.0.1:0' },
  }
  writeFileSync(file, JSON.stringify(content), { mode: 0o600 })
  return file
}

/** The serial number of what a sidecar shows to a peer. */
async function shownBy(sidecar: Sidecar, ca: TestCa): Promise<string> {
  const leaf = await ca.issue(moduleNames(OKAPI))
  const socket = connect({
    host: '127.0.0.1',
    port: sidecar.port('ingress'),
    key: leaf.keyPem,
    cert: leaf.chainPem,
    ca: ca.certPem,
    checkServerIdentity: () => undefined,
  })
  await once(socket, 'secureConnect')
  const { serialNumber } = socket.getPeerCertificate()
  socket.destroy()
  return serialNumber.toLowerCase()
}

test('a sidecar takes its credentials from a SPIFFE agent, and each update of them', async (t) => {
  const ca = await makeCa(undefined, 'root1')
  const issue = () => ca.issue({ ...moduleNames(USERS), uri: [WORKLOAD] })
  const message = (leaf: Issued) => svidsMessage({ svids: [svidOf(ca, leaf, WORKLOAD)] })
  const first = await issue()
  const agent = await startAgent(message(first))
  t.teardown(() => agent.remove())
  const file = configuration(t, agent.socket)

  const check = await typed(['check', '-c', file])
  t.is(check.code, 0, check.stderr)
  t.true(check.stdout.includes(`unix://${agent.socket}`), check.stdout)

  const sidecar = await Sidecar.start(USERS, file)
  t.teardown(() => sidecar.stop())
  t.is(await shownBy(sidecar, ca), serialOf(first))
  const second = await issue()
  agent.push(message(second))
  await sidecar.say(({ msg, generation }) => msg === 'credentials loaded' && generation === 2)
  t.is(await shownBy(sidecar, ca), serialOf(second))

  agent.push(Buffer.from('garbage'))
  const [{ problems } = {}] = await sidecar.say(({ msg }) => msg === 'new credentials refused')
  t.regex(JSON.stringify(problems), /agent\.sock: the SPIFFE Workload API said what cannot be read/)
  agent.stop()
  t.is(await shownBy(sidecar, ca), serialOf(second))
  t.is(await sidecar.stop(), 0)
})

test('without an agent `check` ends with 2 and names the socket', async (t) => {
  const file = configuration(t, '/tmp/okapi-sidecar-no-agent/agent.sock')
  const check = await typed(['check', '-c', file])
  t.is(check.code, 2, check.stderr)
  t.regex(check.stderr, /unix:\/\/\/tmp\/okapi-sidecar-no-agent\/agent\.sock: .*no such socket/)
})

test('a socket without an absolute path is an error of the configuration', async (t) => {
  const check = await typed(['check', '-c', configuration(t, 'agent.sock')])
  t.is(check.code, 2, check.stderr)
  t.regex(check.stderr, /credentials\.spiffe\.socket.* must be unix:\/\/\/absolute\/path/)
})
