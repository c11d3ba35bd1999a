import type { Config } from '../config/config.ts'
import { directorySource } from '../credentials/directory.ts'
import type { CredentialSource } from '../credentials/raw-material.ts'
import { spiffeSource } from '../credentials/spiffe/source.ts'
import { isRefusal } from '../refusal/refusal.ts'
import { identityOfUri } from '../trust/identity.ts'

/** Where the configuration says that credentials come from. */
export function sourceOf({ module, trustDomain, credentials, pins }: Config): CredentialSource {
  const { directory, spiffe } = credentials
  if (spiffe === undefined) return directorySource(directory)
  const naming = { trustDomain, foreign: new Map(Object.entries(pins.identities)) }
  const wanted = (uri: string) => {
    const identity = identityOfUri(uri, naming)
    return !isRefusal(identity) && identity.kind === 'module' && identity.id === module.id
  }
  return spiffeSource({ socket: spiffe.socket.path, wanted })
}
