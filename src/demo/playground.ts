import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { DemoCluster } from './cluster.ts'
import { type Member, MODULES, OKAPI } from './members.ts'
import { NOTE_ID, TENANT } from './users.ts'

/** Lines to copy: one call that works, and some of a rogue's. The token lies in a file of the demo. */
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
