import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Measured } from '../measure/process.ts'
import type { Tools } from '../tools.ts'
import { startBackend } from './backend.ts'
import { makeBundle } from './bundle.ts'
import { CALLER, issueCertificates, OKAPI } from './certificates.ts'
import { writeDescriptors } from './descriptors.ts'
import { freePort } from './ports.ts'

export { CALLER, OKAPI }

/** Everything that the candidates share: certificates, descriptors, the module that answers. */
export interface Site {
  readonly tools: Tools
  /** Configurations, what the processes say, temporary files. */
  readonly directory: string
  /** A folder of tls.crt, tls.key and ca.crt for each of CALLER and OKAPI. */
  readonly certs: string
  readonly descriptors: string
  /** This checkout as the image holds it: what is measured unless said otherwise. */
  readonly bundle: string
  readonly backendPort: number
  close(): Promise<void>
}

/** Makes the site in a new directory of its own; the bundle is made ready for these Nodes, too. */
export async function openSite(tools: Tools, nodes: Iterable<string> = []): Promise<Site> {
  const directory = await mkdtemp(join(tmpdir(), 'okapi-sidecar-bench-'))
  const [certs, descriptors] = [join(directory, 'certs'), join(directory, 'descriptors')]
  let backend: Measured | undefined
  const close = async () => {
    await backend?.stop()
    await rm(directory, { recursive: true, force: true })
  }
  try {
    await mkdir(descriptors)
    await Promise.all([issueCertificates(certs), writeDescriptors(descriptors)])
    const bundle = await makeBundle(join(directory, 'dist'), nodes)
    const backendPort = await freePort()
    backend = await startBackend(tools.nginx, directory, backendPort)
    return { tools, directory, certs, descriptors, bundle, backendPort, close }
  } catch (error) {
    await close()
    throw error
  }
}
