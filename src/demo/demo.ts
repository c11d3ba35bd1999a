import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type DemoCluster, type ReportProgress, startCluster } from './cluster.ts'
import { findPostgres } from './database.ts'
import { crossed, type HonestCall, honestCall } from './hops.ts'
import { type Member, MODULES, NOTE_ID, OKAPI, TENANT } from './members.ts'
import { asExpected, databaseTrials, runTrials, type Trial } from './rogue.ts'
import { type Upgrade, upgrade } from './upgrade.ts'

/** The results of the demo. */
export interface DemoResult {
  readonly call: HonestCall
  readonly trials: readonly Trial[]
  readonly upgrade: Upgrade
  /** A database was requested, but PostgreSQL is not installed. */
  readonly noPostgres: boolean
  /** The honest call got through, every attack ended as it must, and the new route was named. */
  readonly good: boolean
}

/**
 * Starts the cluster, makes the one honest call, runs the attacks, asks what an upgrade opens, and calls `then` while
 * everything still runs. Everything is stopped at the end, also after errors.
 */
export async function demo(
  { database: withDatabase }: { readonly database: boolean },
  progress: ReportProgress,
  signal: AbortSignal,
  then: (shown: DemoResult, cluster: DemoCluster) => Promise<void>,
): Promise<DemoResult> {
  const postgres = withDatabase ? findPostgres() : undefined
  const cluster = await startCluster(
    { sidecars: true, ...(postgres !== undefined && { postgres }) },
    progress,
    signal,
  )
  try {
    progress('making one ordinary call')
    const call = await honestCall(cluster)
    progress('attacking')
    const trials = [...(await runTrials(cluster, signal)), ...(await onDatabase(cluster, signal))]
    signal.throwIfAborted()
    progress('asking what an upgrade would open')
    const next = await upgrade(cluster.directory, signal)
    signal.throwIfAborted()
    const good = crossed(call) && trials.every(asExpected) && next.named
    const shown = {
      call,
      trials,
      upgrade: next,
      noPostgres: withDatabase && postgres === undefined,
      good,
    }
    await then(shown, cluster)
    return shown
  } finally {
    progress('stopping')
    await cluster.close()
  }
}

async function onDatabase({ database, certs, sidecars }: DemoCluster, signal: AbortSignal) {
  const listener = sidecars.get(MODULES.tags)?.listening.postgres
  if (database === undefined || listener === undefined || signal.aborted) return []
  return databaseTrials(database, certs, listener, signal)
}

/** Lines to copy: one call that works, and some of a rogue's. The token is in a file of the demo. */
export async function playground(cluster: DemoCluster): Promise<string> {
  const token = String(await cluster.processes.get(MODULES.authtoken)!.child.ask('annasToken'))
  await writeFile(join(cluster.directory, 'anna.token'), token, { mode: 0o600 })
  const ingress = (member: Member) => `https://127.0.0.1:${cluster.sidecars.get(member)!.ingress}`
  const users = ingress(MODULES.users)
  const okapi = ingress(OKAPI)
  const admin = cluster.sidecars.get(MODULES.users)!.listening.admin
  return `
It runs until Ctrl-C. Try this in another shell:

D=${cluster.directory}
ANNA="-H X-Okapi-Tenant:${TENANT} -H X-Okapi-Token:$(cat $D/anna.token)"
ROGUE="--cert $D/certs/${MODULES.tags}/tls.crt --key $D/certs/${MODULES.tags}/tls.key"

# an ordinary call, through Okapi and its modules
curl -i $ANNA ${cluster.okapiUrl}/notes/${NOTE_ID}

# mod-users past Okapi: without a certificate, and as mod-tags with its own key
curl -i --cacert $D/certs/ca.crt ${users}/users
curl -i --cacert $D/certs/ca.crt $ROGUE ${users}/users

# at Okapi mod-tags may call tags, but not users
curl -i --cacert $D/certs/ca.crt $ROGUE $ANNA ${okapi}/tags
curl -i --cacert $D/certs/ca.crt $ROGUE $ANNA ${okapi}/users

# what the sidecar of mod-users has refused so far
curl -s http://${admin}/metrics | grep 'refusals_total.* [1-9]'
`
}
