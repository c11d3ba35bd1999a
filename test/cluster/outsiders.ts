import { MODULE_IMAGE } from './images.ts'
import type { Installation } from './installation.ts'
import { until } from './until.ts'

/** A pod of no module, which does nothing until it is told. */
export function outsider(name: string, namespace: string, labels: object = {}): object {
  const securityContext = {
    runAsUser: 1000,
    runAsNonRoot: true,
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'] },
    seccompProfile: { type: 'RuntimeDefault' },
  }
  const args = ['-e', 'setInterval(() => {}, 1e6); process.on("SIGTERM", process.exit)']
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels },
    spec: {
      automountServiceAccountToken: false,
      containers: [{ name, image: MODULE_IMAGE, args, securityContext }],
    },
  }
}

/** What becomes of a connection that a container makes: `open`, `silent`, or the code of its error. */
export function reach(
  installation: Installation,
  namespace: string,
  pod: string,
  container: string,
  to: string,
  port: number,
): Promise<string> {
  const script = `
    import { connect } from 'node:net'
    const socket = connect(${port}, '${to}')
    const say = (what) => { console.log(what); process.exit() }
    // A process that was not let run for so long has still to be told of what came meanwhile.
    socket.setTimeout(3000, () => setImmediate(say, 'silent'))
    socket.on('connect', () => say('open'))
    socket.on('error', ({ code }) => say(code))`
  return installation.cluster.must(
    ...['-n', namespace, 'exec', pod, '-c', container, '--'],
    ...['node', '--input-type=module', '-e', script],
  )
}

/** Waits until such a connection is made: on a busy machine one may be too late. */
export async function opens(...tried: Parameters<typeof reach>): Promise<void> {
  await until(`${tried.slice(1).join(' ')} is open`, async () => {
    const found = await reach(...tried)
    if (found !== 'open') throw new Error(found)
    return true
  })
}

/** The address by which a neighbour on the same bridge reaches a pod, if it has one: IPv6's link-local one. */
export async function linkLocalOf(
  installation: Installation,
  namespace: string,
  pod: string,
  container: string,
): Promise<string | undefined> {
  const script = `
    import { networkInterfaces } from 'node:os'
    const all = networkInterfaces().eth0 ?? []
    console.log(all.find(({ address }) => address.startsWith('fe80:'))?.address ?? '')`
  const said = await installation.cluster.must(
    ...['-n', namespace, 'exec', pod, '-c', container, '--'],
    ...['node', '--input-type=module', '-e', script],
  )
  return said === '' ? undefined : `${said}%eth0`
}
