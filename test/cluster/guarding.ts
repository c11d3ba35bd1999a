import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MODULE_IMAGE } from './images.ts'
import { MODULES, moduleArgs, NAMESPACE, NOTE, OKAPI, productOf, valuesOf } from './modules.ts'
import { measured, real, theInstallation } from './set-up.ts'

const IDS = [OKAPI, ...Object.keys(MODULES)]
const TAGS = 'mod-tags-3.1.0'
const MEBI = 2 ** 20

test('the namespace refuses a pod that asks for more than `restricted`', real, async () => {
  const { cluster } = theInstallation()
  const pod = (securityContext: object) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'outsider', namespace: NAMESPACE },
    spec: { containers: [{ name: 'outsider', image: MODULE_IMAGE, securityContext }] },
  })
  const restricted = {
    runAsNonRoot: true,
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'] },
    seccompProfile: { type: 'RuntimeDefault' },
  }
  const tried = (one: object) => cluster.dryRun(JSON.stringify(pod(one)))
  assert.match((await tried({})).err, /violates PodSecurity "restricted:latest"/)
  assert.equal((await tried(restricted)).code, 0)
})

/** What a process may do, as it finds out itself. */
const SEARCH = `
  const fs = await import('node:fs')
  const status = fs.readFileSync('/proc/self/status', 'utf8')
  const places = ['/app/x', '/x', '/etc/sidecar/x', '/certs/x', '/tmp/x']
  const tries = places.map((file) => {
    try { fs.writeFileSync(file, ''); return 'written' } catch (error) { return error.code }
  })
  console.log(JSON.stringify({
    user: process.getuid(),
    group: process.getgid(),
    capabilities: /CapEff:\\s+(\\w+)/.exec(status)[1],
    bounding: /CapBnd:\\s+(\\w+)/.exec(status)[1],
    noNewPrivileges: /NoNewPrivs:\\s+(\\d)/.exec(status)[1],
    seccomp: /Seccomp:\\s+(\\d)/.exec(status)[1],
    token: fs.existsSync('/var/run/secrets/kubernetes.io/serviceaccount/token'),
    key: fs.existsSync('/certs/tls.key'),
    // Of the API server itself every container is told.
    links: Object.keys(process.env).filter((name) => /^(?!KUBERNETES_).*_SERVICE_/.test(name)),
    tries,
  }))`

test('sidecars have no root, no capability, no token, and a read-only root', real, async () => {
  const installation = theInstallation()
  for (const id of IDS) {
    const [pod] = await installation.pods(id)
    const { tries, ...found } = JSON.parse(
      await installation.script(pod!.metadata.name, 'okapi-sidecar', SEARCH),
    )
    assert.deepEqual(found, {
      user: 65532,
      group: 65532,
      capabilities: '0000000000000000',
      bounding: '0000000000000000',
      noNewPrivileges: '1',
      seccomp: '2',
      token: false,
      key: true,
      links: [],
    })
    for (const code of tries) assert.match(code, /^(EROFS|EACCES)$/)
  }
})

test('modules have no root, no capability, no token, and not the key', real, async () => {
  const installation = theInstallation()
  for (const id of IDS) {
    const [pod] = await installation.pods(id)
    const { tries, ...found } = JSON.parse(
      await installation.script(pod!.metadata.name, productOf(id), SEARCH),
    )
    assert.deepEqual(found, {
      user: 1000,
      group: 1000,
      capabilities: '0000000000000000',
      bounding: '0000000000000000',
      noNewPrivileges: '1',
      seccomp: '2',
      token: false,
      key: false,
      links: [],
    })
    assert.ok(tries.length > 0)
  }
})

test('`helm test` passes', real, async () => {
  const installation = theInstallation()
  for (const id of [OKAPI, TAGS]) {
    const { code, out, err } = await installation.helm('test', productOf(id), '--logs')
    assert.equal(code, 0, out + err)
    assert.match(out, /Phase:\s+Succeeded/)
  }
})

test('`helm test` fails when a module can be reached past its sidecar', real, async () => {
  const installation = theInstallation()
  // There is no network plugin here that knows a NetworkPolicy, which is what the probe is to notice.
  const open = { ...(valuesOf(TAGS)['workload'] as object), args: moduleArgs(TAGS, { host: '::' }) }
  await installation.install(TAGS, { workload: open })
  await installation.ready(TAGS)
  const { code, out } = await installation.helm('test', productOf(TAGS), '--logs')
  assert.equal(code, 1)
  assert.match(out, /Phase:\s+Failed/)
  assert.match(out, /got through +the module’s own port/)
  await installation.install(TAGS)
  await installation.ready(TAGS)
})

test('128 MiB are enough for a sidecar under load', real, async () => {
  const installation = theInstallation()
  const { calls, wrong } = await installation.calls(OKAPI, NOTE, 15_000, 24, 0, 100)
  assert.deepEqual(wrong, [])
  for (const id of [OKAPI, 'mod-users-19.7.0', 'mod-notes-8.1.0']) {
    const [pod] = await installation.pods(id)
    const { initContainerStatuses, containerStatuses } = pod!.status
    const [sidecar] = initContainerStatuses
    const node = installation.cluster.nodes.find(({ name }) => name === pod!.spec.nodeName)
    const container = sidecar!.containerID.replace('containerd://', '')
    const memory = node!.memory(pod!.metadata.uid, container)
    assert.equal(memory?.limit, 128 * MEBI)
    measured(
      `the sidecar of ${id} had ${Math.round(memory.most / MEBI)} MiB at most in ${calls} calls`,
    )
    assert.ok(memory.most < memory.limit, id)
    for (const { restartCount } of [sidecar!, ...containerStatuses]) assert.equal(restartCount, 0)
  }
})
