import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MODULES, OKAPI } from './cast.ts'
import { NOTE_ID, TENANT } from './people.ts'
import type { Town } from './town.ts'

/** Lines to copy: one call that works, and some of a rogue's. The token lies in a file of the demo. */
export async function playground(town: Town): Promise<string> {
  const file = join(town.directory, 'anna.token')
  const token = String(await town.parts.get(MODULES.authtoken)!.child.ask('annasToken'))
  await writeFile(file, token, { mode: 0o600 })
  const anna = `-H 'X-Okapi-Tenant: ${TENANT}' -H "X-Okapi-Token: $(cat ${file})"`
  const users = town.sidecars.get(MODULES.users)!
  const okapi = town.sidecars.get(OKAPI)!
  const rogue = `--cacert ${town.certs}/ca.crt --cert ${town.certs}/${MODULES.tags}/tls.crt --key ${town.certs}/${MODULES.tags}/tls.key`
  return `
It stays until Ctrl-C. What you could try (Anna's token lives for ten minutes):

# Anna reads a note, through Okapi and five sidecars
curl -i ${anna} ${town.okapiUrl}/notes/${NOTE_ID}

# nobody asks mod-users past Okapi
curl -ik https://127.0.0.1:${users.ingress}/users

# mod-tags, with its own good certificate, asks mod-users past Okapi
curl -i ${rogue} https://127.0.0.1:${users.ingress}/users

# mod-tags may ask Okapi for tags, and for nothing else
curl -i ${rogue} ${anna} https://127.0.0.1:${okapi.ingress}/tags
curl -i ${rogue} ${anna} https://127.0.0.1:${okapi.ingress}/users

# what the sidecar of mod-users counts
curl -s http://${users.listening.admin}/metrics | grep refusals
`
}
