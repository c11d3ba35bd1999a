import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MODULE_IMAGE } from './images.ts'
import { NAMESPACE, OKAPI, productOf } from './modules.ts'
import { real, theInstallation } from './set-up.ts'
import { until } from './until.ts'

// What docs/network-rules.md says of accounts that may put a container into a running pod (`kubectl debug`).

const USERS = 'mod-users-19.7.0'
const SIDECAR = 'okapi-sidecar'
const PLACE = '/seen'

/** Puts a container into a pod, with more than `kubectl debug` asks for by default; resolves when it runs. */
async function debug(pod: string, name: string, user: number, more: object): Promise<void> {
  const { cluster } = theInstallation()
  const securityContext = {
    runAsUser: user,
    runAsGroup: user,
    runAsNonRoot: true,
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'] },
  }
  const args = ['-e', 'setInterval(() => {}, 1e6); process.on("SIGTERM", process.exit)']
  const container = { name, image: MODULE_IMAGE, args, securityContext, ...more }
  const patch = JSON.stringify({ spec: { ephemeralContainers: [container] } })
  await cluster.must(
    ...['-n', NAMESPACE, 'patch', 'pod', pod, '--subresource=ephemeralcontainers', '-p', patch],
  )
  await until(`${name} runs`, async () => {
    const where = `jsonpath={.status.ephemeralContainerStatuses[?(@.name=="${name}")].state.running}`
    return (await cluster.must('-n', NAMESPACE, 'get', 'pod', pod, '-o', where)) !== ''
  })
}

/** Whether a container finds the sidecar's key: in its own files, or in those of any process that it sees. */
async function findsKey(pod: string, container: string): Promise<boolean> {
  const script = `
    import { readdirSync, readFileSync } from 'node:fs'
    const processes = readdirSync('/proc').filter((name) => /^\\d+$/.test(name))
    const files = ['${PLACE}/tls.key', ...processes.map((id) => '/proc/' + id + '/root/certs/tls.key')]
    console.log(files.some((file) => {
      try { return readFileSync(file, 'utf8').includes('PRIVATE KEY') } catch { return false }
    }))`
  return (await theInstallation().script(pod, container, script)) === 'true'
}

test('a container put into a pod reads the key by its volume or as its user', real, async () => {
  const installation = theInstallation()
  const [pod] = await installation.pods(USERS)
  const { name } = pod!.metadata
  const mounted = { volumeMounts: [{ name: 'sidecar-certs', mountPath: PLACE, readOnly: true }] }
  for (const [container, user, more, finds] of [
    ['beside', 1000, {}, false],
    ['watching', 1000, { targetContainerName: SIDECAR }, false],
    ['mounting', 1234, mounted, true],
    ['disguised', 65532, { targetContainerName: SIDECAR }, true],
  ] as const) {
    await debug(name, container, user, more)
    assert.equal(await findsKey(name, container), finds, container)
  }
  // It cannot be removed from the pod again.
  await installation.kubectl('delete', 'pod', name)
  await installation.ready(USERS)
  await installation.crosses(OKAPI, '/users')
  assert.equal((await installation.pods(USERS)).length, 1, productOf(USERS))
})
