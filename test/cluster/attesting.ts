import assert from 'node:assert/strict'
import { createPrivateKey } from 'node:crypto'
import { chmodSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { PLACE } from '../pod/podman.ts'
import { svidsMessage } from '../support/protobuf.ts'
import { type Agent, startAgent, svidOf } from '../support/workload-api.ts'
import type { Installation } from './installation.ts'
import {
  deploymentOf,
  NAMESPACE,
  NOTE,
  namespace,
  OKAPI,
  productOf,
  TRUST_DOMAIN,
} from './modules.ts'
import { outsider } from './outsiders.ts'
import { programPath } from './programs.ts'
import { measured, noneIsLost, realWith, theInstallation } from './set-up.ts'
import { until } from './until.ts'

// Identities from the SPIFFE Workload API: a socket that a CSI driver mounts into each pod's sidecar. The agent is the
// tests' own (gRPC's server), one socket for each account.

const USERS = 'mod-users-19.7.0'
const NOTES = 'mod-notes-8.1.0'
const TAGS = 'mod-tags-3.1.0'
const CHAIN = [OKAPI, USERS, NOTES]
const RENEWALS = Number(process.env['CLUSTER_RENEWALS'] ?? 3)
const AGENTS = join(PLACE, 'agents')
const DRIVER = 'csi.spiffe.io'

const attested = realWith(['csi'])

const agents = new Map<string, Agent>()
after(async () => {
  for (const agent of agents.values()) await agent.remove()
})

/** What an agent tells of a module: the certificate that the installation's CA has issued last. */
function messageOf(installation: Installation, id: string): Buffer {
  const read = (file: string) => readFileSync(join(installation.folderOf(id), file), 'utf8')
  const pair = { privateKey: createPrivateKey(read('tls.key')) }
  const leaf = { chainPem: read('tls.crt'), pair }
  const uri = `spiffe://${TRUST_DOMAIN}/module/${id}`
  return svidsMessage({ svids: [svidOf({ rootPem: read('ca.crt') }, leaf, uri)] })
}

/** An agent for the account of a module in a namespace, which gives the identity of one. */
async function startAgentFor(installation: Installation, id: string, gives = id): Promise<Agent> {
  const agent = await startAgent(messageOf(installation, gives))
  agents.set(id, agent)
  chmodSync(dirname(agent.socket), 0o755)
  // Every user of the node may connect, as at SPIRE's agent; the mount decides who gets as far.
  chmodSync(agent.socket, 0o777)
  mkdirSync(join(AGENTS, NAMESPACE), { recursive: true })
  symlinkSync(dirname(agent.socket), join(AGENTS, NAMESPACE, deploymentOf(id)))
  return agent
}

/** The driver as that of SPIFFE is installed, and one process for the node. */
async function startDriver({ cluster }: Installation): Promise<void> {
  await cluster.apply({
    apiVersion: 'storage.k8s.io/v1',
    kind: 'CSIDriver',
    metadata: { name: DRIVER },
    spec: {
      attachRequired: false,
      podInfoOnMount: true,
      fsGroupPolicy: 'None',
      volumeLifecycleModes: ['Ephemeral'],
    },
  })
  const kubelet = join(PLACE, 'node1', 'kubelet')
  const sockets = [join(PLACE, 'csi.sock'), join(kubelet, 'plugins_registry', 'spiffe.sock')]
  cluster.start('csi', programPath('csi'), 'node1', AGENTS, ...sockets)
  await until('the kubelet knows the driver', async () => {
    const { spec } = await cluster.get<{ spec: { drivers: readonly { name: string }[] | null } }>(
      'csinode',
      'node1',
    )
    return spec.drivers?.some(({ name }) => name === DRIVER) ?? false
  })
}

const credentials = { from: 'spiffe', spiffe: { socket: 'agent.sock' } }

/** The certificate that was issued last, to those that listen and to those that come. */
function giveAgain(installation: Installation, id: string): void {
  const agent = agents.get(id)!
  agent.first = messageOf(installation, id)
  agent.push(agent.first)
}

async function generations(installation: Installation): Promise<number[]> {
  const found = await Promise.all(CHAIN.map((id) => installation.inUse(id)))
  return found.map(({ generation }) => generation)
}

test('modules move from Secrets to the Workload API, and no call is lost', attested, async () => {
  const installation = theInstallation()
  for (const id of CHAIN) await startAgentFor(installation, id)
  await startDriver(installation)
  // The namespace enforces `restricted`.
  for (const id of [USERS, NOTES]) {
    const said = await installation.callsWhile(OKAPI, NOTE, async () => {
      await installation.install(id, { credentials })
      await installation.ready(id)
    })
    noneIsLost(`${id} moved to the Workload API`, said)
  }
  await installation.install(OKAPI, { credentials })
  await installation.ready(OKAPI)
  await until('calls cross', async () => {
    return (await installation.calls(OKAPI, NOTE, 1, 1)).wrong.length === 0
  })
})

test(
  `agents give ${RENEWALS} new certificates while calls run, and none is lost`,
  attested,
  async () => {
    const installation = theInstallation()
    const said = await installation.callsWhile(OKAPI, NOTE, async () => {
      for (let i = 0; i < RENEWALS; i++) {
        const before = await generations(installation)
        await installation.renew(CHAIN)
        const given = performance.now()
        for (const id of CHAIN) giveAgain(installation, id)
        await until('all use them', async () => {
          const now = await generations(installation)
          return now.every((generation, at) => generation > before[at]!)
        })
        measured(`all used them after ${Math.round(performance.now() - given)} ms`)
      }
    })
    noneIsLost(`${RENEWALS} renewals by the Workload API`, said)
  },
)

test('while an agent is away and comes back no call is lost', attested, async () => {
  const installation = theInstallation()
  const agent = agents.get(USERS)!
  const { generation } = await installation.inUse(USERS)
  const said = await installation.callsWhile(OKAPI, NOTE, async () => {
    agent.stop()
    await installation.renew([USERS])
    giveAgain(installation, USERS)
    await agent.start()
    chmodSync(agent.socket, 0o777)
    await until('what it gives now is used', async () => {
      return (await installation.inUse(USERS)).generation > generation
    })
  })
  noneIsLost('an agent restarted', said)
})

test(
  'an identity of another module is refused, and the right one is taken when it comes',
  attested,
  async () => {
    const installation = theInstallation()
    const agent = await startAgentFor(installation, TAGS, USERS)
    await installation.install(TAGS, { credentials })
    const wrong =
      /it is the certificate of mod-users-19\.7\.0, the configuration says mod-tags-3\.1\.0/
    await until('it is refused', async () => {
      const named = ['-l', `okapi-sidecar/product=${productOf(TAGS)}`, '-c', 'okapi-sidecar']
      return wrong.test(await installation.kubectl('logs', ...named, '--tail=100'))
    })
    agent.first = messageOf(installation, TAGS)
    await installation.ready(TAGS)
  },
)

test(
  'only the sidecar sees the socket, and cannot put another in its place',
  attested,
  async () => {
    const installation = theInstallation()
    const [pod] = await installation.pods(USERS)
    const look = (container: string) => {
      const script = `
      import * as fs from 'node:fs'
      const tried = (work) => { try { work(); return 'done' } catch (error) { return error.code } }
      console.log(JSON.stringify([
        fs.existsSync('/run/spiffe'),
        tried(() => fs.writeFileSync('/run/spiffe/x', '')),
        tried(() => fs.unlinkSync('/run/spiffe/agent.sock')),
      ]))`
      return installation.script(pod!.metadata.name, container, script)
    }
    assert.deepEqual(JSON.parse(await look('okapi-sidecar')), [true, 'EROFS', 'EROFS'])
    assert.deepEqual(JSON.parse(await look(productOf(USERS))), [false, 'ENOENT', 'ENOENT'])
  },
)

test('`restricted` and `baseline` refuse a socket by hostPath', attested, async () => {
  const { cluster } = theInstallation()
  for (const standard of ['restricted', 'baseline'] as const) {
    const name = `host-path-${standard}`
    await cluster.apply(namespace(name, standard))
    const volumes = [{ name: 'agent', hostPath: { path: AGENTS } }]
    const pod = outsider('outsider', name) as { spec: object }
    const { code, err } = await cluster.dryRun(
      JSON.stringify({ ...pod, spec: { ...pod.spec, volumes } }),
    )
    assert.notEqual(code, 0)
    assert.match(err, new RegExp(`violates PodSecurity "${standard}:latest": .*hostPath`))
  }
})
