import type { Config } from '../../config/config.ts'
import { directorySource } from '../../credentials/directory.ts'
import { checkGeneration } from '../../credentials/generation.ts'
import type { Problem } from '../../fault.ts'

/** Credentials that hold. */
export interface CredentialsFound {
  readonly problems: readonly Problem[]
  readonly told: {
    readonly directory: string
    /** The URI SAN of the leaf. */
    readonly identity: string
    /** ISO 8601. */
    readonly notAfter: string
    readonly daysLeft: number
    readonly roots: number
    readonly revocationLists: number
  }
}

const DAY_MS = 24 * 60 * 60 * 1000

/** Reads them as `run` would; throws a Fault with everything that is wrong. */
export async function checkCredentials(config: Config): Promise<CredentialsFound> {
  const { module, trustDomain, credentials, pins } = config
  const now = Date.now()
  const generation = checkGeneration(await directorySource(credentials.directory).read(), {
    module: module.id,
    trustDomain,
    foreign: new Map(Object.entries(pins.identities)),
    now,
  })
  return {
    problems: generation.warnings,
    told: {
      directory: credentials.directory,
      identity: generation.identity.uri,
      notAfter: new Date(generation.notAfter).toISOString(),
      daysLeft: Math.floor((generation.notAfter - now) / DAY_MS),
      roots: generation.caPems.length,
      revocationLists: generation.crls.length,
    },
  }
}
