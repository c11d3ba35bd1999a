import type { Installation } from './installation.ts'
import { outsider } from './outsiders.ts'

export const DRIVER = 'csi.spiffe.io'
const FOLDER = '/run/spiffe'

/** Who asks the agent: what SPIRE tells one from another by. */
export interface Asker {
  readonly namespace: string
  readonly account: string
  /** The only container of the pod. */
  readonly container: string
  readonly labels?: Readonly<Record<string, string>>
}

/** A pod that is no module's and sees the agent's socket; any account that may make pods can make it. */
export function asker(name: string, { namespace, account, container, labels }: Asker): object {
  const pod = outsider(name, namespace, labels) as { spec: { containers: readonly object[] } }
  const mount = { name: 'agent', mountPath: FOLDER, readOnly: true }
  const [only] = pod.spec.containers
  const spec = {
    ...pod.spec,
    serviceAccountName: account,
    containers: [{ ...only, name: container, volumeMounts: [mount] }],
    volumes: [{ name: 'agent', csi: { driver: DRIVER, readOnly: true } }],
  }
  return { ...pod, spec }
}

/** The modules that a container is given the certificates of, or the words of the refusal. */
export function askAgent(
  installation: Installation,
  namespace: string,
  pod: string,
  container: string,
): Promise<string> {
  const script = `
    import { connect } from 'node:http2'
    import { connect as dial } from 'node:net'
    const createConnection = () => dial('${FOLDER}/spire-agent.sock')
    const session = connect('http://localhost', { createConnection })
    const stream = session.request({
      ':method': 'POST', ':path': '/SpiffeWorkloadAPI/FetchX509SVID',
      'content-type': 'application/grpc', te: 'trailers', 'workload.spiffe.io': 'true',
    })
    const say = (what) => { console.log(what); process.exit() }
    const refused = (said) => said['grpc-status'] !== undefined && say(said['grpc-message'])
    stream.on('response', refused)
    stream.on('trailers', refused)
    stream.on('data', (bytes) => {
      // In the message itself, where another field comes after it.
      const ids = bytes.toString('latin1').match(/(?<=\\/module\\/)[-a-z0-9.]+(?=\\x12)/g)
      say([...new Set(ids)].sort().join())
    })
    session.on('error', ({ code }) => say(code))
    stream.end(Buffer.alloc(5))`
  return installation.cluster.must(
    ...['-n', namespace, 'exec', pod, '-c', container, '--'],
    ...['node', '--input-type=module', '-e', script],
  )
}
