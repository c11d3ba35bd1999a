import assert from 'node:assert/strict'
import { existsSync, rmSync } from 'node:fs'
import { after, before } from 'node:test'
import { PLACE as CHARTS } from '../helm/render.ts'
import { HELM_4 } from '../helm/tools.ts'
import { whyNoPods } from '../pod/images.ts'
import { cleanUp, missing, PLACE } from '../pod/podman.ts'
import { Cluster } from './cluster.ts'
import { archiveImages } from './images.ts'
import { type Calls, Installation } from './installation.ts'
import { lacks, notBuilt, type ProgramName } from './programs.ts'

// One cluster and one installation for all tests of a run: they are registered in one process, and change what the
// next one finds only where they say so.

async function whyNoCluster(): Promise<string | undefined> {
  const lacking = notBuilt()
  if (lacking.length > 0) return `npm run cluster-tools has not made ${lacking.length} of its files`
  if (!existsSync('/usr/lib/cni/bridge')) return 'the plugins of containernetworking are not here'
  // Containerd 2 is ours, its client the machine's.
  const tools = ['containerd', 'ctr', 'runc', 'ip', 'nsenter', 'unshare', 'openssl']
  return missing(...tools) ?? (await whyNoPods())
}

const why = await whyNoCluster()
if (why !== undefined) console.log(`skipped: a real cluster: ${why}`)

/** What each of these tests is registered with: they are skipped where there can be no cluster. */
export const real = why === undefined ? {} : { skip: why }

/** The same for tests that need such programs besides, and such tools of the machine. */
export function realWith(programs: readonly ProgramName[], ...tools: readonly string[]) {
  if (why !== undefined) return real
  const lacking = lacks(...programs) ?? missing(...tools)
  return realUnless(lacking && `what needs ${[...programs, ...tools].join(', ')}: ${lacking}`)
}

/** The same for tests that something stands against. */
export function realUnless(against: string | undefined) {
  if (why !== undefined || against === undefined) return real
  console.log(`skipped: ${against}`)
  return { skip: against }
}

/** The same for tests of helm 4 after helm 3. */
export function realWithBothHelms() {
  const { CHART_HELM } = process.env
  if (CHART_HELM !== undefined)
    return realUnless(`helm 4 after helm 3: CHART_HELM is ${CHART_HELM}`)
  if (existsSync(HELM_4)) return real
  return realUnless('helm 4: npm run chart-tools -- more has not made it')
}

let installation: Installation | undefined

/** The installation that all tests have. */
export function theInstallation(): Installation {
  if (installation === undefined) throw new Error('the cluster was not brought up')
  return installation
}

/** Says a figure that is for reading, and held against nothing. */
export function measured(what: string): void {
  console.log(`measured: ${what}`)
}

/** Says how many calls were made, and wants none of them to be lost. */
export function noneIsLost(what: string, { calls, wrong, slowestMs, slowestAt }: Calls): void {
  measured(
    `${what}: ${wrong.length} of ${calls} calls lost, the slowest took ${slowestMs} ms at ${slowestAt}`,
  )
  assert.deepEqual(wrong, [])
}

async function timed<T>(what: string, work: () => Promise<T>): Promise<T> {
  const begun = performance.now()
  const result = await work()
  measured(`${what}: ${((performance.now() - begun) / 1000).toFixed(1)} s`)
  return result
}

let cluster: Cluster | undefined

before(async () => {
  if (why !== undefined) return
  const images = await timed('images built', archiveImages)
  cluster = await timed('a node is ready', () => Cluster.open(images))
  installation = await Installation.found(cluster)
  await timed('Okapi and three modules are ready', () => theInstallation().settle())
})

after(async () => {
  if (why !== undefined) return
  await timed('all is ended', async () => cluster?.close())
  await cleanUp()
  for (const place of [PLACE, CHARTS]) rmSync(place, { recursive: true, force: true })
})
