import { join } from 'node:path'
import { startSidecar } from '../candidates/okapi-sidecar.ts'
import { startRouter } from '../candidates/whole-way.ts'
import { LOAD_CPU } from '../measure/pinning.ts'
import { type Measured, start } from '../measure/process.ts'
import { folio } from '../scenarios.ts'
import { CALLEE, CALLERS, OKAPI } from '../site/certificates.ts'
import { freePort } from '../site/ports.ts'
import type { Site } from '../site/site.ts'
import type { Bottleneck } from './bottleneck.ts'
import { type LinkCaller, linkLoad } from './link-load.ts'
import { headOf } from './open-loop.ts'

const MODULE = new URL('link-module.ts', import.meta.url).pathname
/** Over each link: calls that wait for their answers at the best rate, and the most where they do not. */
const [CALLS_OF_ONE, MOST_CALLS_OF_ONE] = [16, 500]

/**
 * Okapi's sidecar alone on its CPU, both ways: calls come over links of several callers, go to Okapi, which calls the
 * module by the same sidecar. Callers, Okapi and the module cost little, so that it is the sidecar that is at its end.
 */
export async function okapisSidecar(
  site: Site,
  name: string,
  limits: object,
): Promise<Bottleneck & { readonly sidecar: Measured; stop(): Promise<void> }> {
  const ports = await Promise.all(Array.from({ length: 4 }, freePort))
  const [port = 0, okapiPort = 0, modulesPort = 0, modulePort = 0] = ports
  const file = `overload-${ports.join('-')}`
  const module = await start({
    name: 'the module',
    command: [process.execPath, MODULE, String(modulePort), join(site.certs, CALLEE)],
    cpu: LOAD_CPU,
    port: modulePort,
    errorFile: join(site.directory, `${file}-module.log`),
  })
  const leg = {
    ingress: { listen: `127.0.0.1:${port}`, forward: `http://127.0.0.1:${okapiPort}` },
    egress: {
      modules: {
        listen: `127.0.0.1:${modulesPort}`,
        address: { [CALLEE]: `https://127.0.0.1:${modulePort}` },
      },
    },
  }
  const sidecar = await startSidecar(site, file, port, OKAPI, leg, { limits })
  const router = await startRouter(site, file, okapiPort, modulesPort)
  const head = headOf(folio(), port)
  const load = { port, head }
  return {
    name,
    sidecar,
    async best(seconds) {
      const callers = eachOf(0, CALLS_OF_ONE)
      const { all } = await linkLoad(site, { ...load, callers, warmUpSeconds: 0, seconds })
      return all.answered.perSecond
    },
    async asked({ perSecond, ...time }) {
      const callers = eachOf(perSecond, MOST_CALLS_OF_ONE)
      return (await linkLoad(site, { ...load, callers, ...time })).all
    },
    async stop() {
      await Promise.all([sidecar, router, module].map((each) => each.stop()))
    },
  }
}

/** All callers alike; `perSecond` of all together. */
function eachOf(perSecond: number, open: number): LinkCaller[] {
  return CALLERS.map((name) => ({ name, perSecond: perSecond / CALLERS.length, open }))
}
