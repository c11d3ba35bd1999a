import type { Config, PublicSettings } from '../../config/config.ts'
import { checkGeneration } from '../../credentials/check-generation.ts'
import { Reminder } from '../../credentials/endings.ts'
import { readPublicCertificate } from '../../credentials/public-certificate.ts'
import type { Problem } from '../../fault.ts'
import { expectedOf, publicExpectationOf } from '../../sidecar/authentication.ts'
import { sourceOf } from '../../sidecar/source.ts'

/** Valid credentials. */
export interface CredentialsFound {
  readonly problems: readonly Problem[]
  readonly told: {
    /** The directory, or the socket. */
    readonly from: string
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

/** Reads them as `run` does; throws a Fault with everything that is wrong. */
export async function checkCredentials(config: Config): Promise<CredentialsFound> {
  const now = Date.now()
  const source = sourceOf(config)
  const expected = { ...expectedOf(config), now }
  const generation = await checkGeneration(await source.read(), expected)
  return {
    problems: [...generation.warnings, ...new Reminder().due(generation, now)],
    told: {
      from: source.description,
      identity: generation.identity.uri,
      notAfter: new Date(generation.notAfter).toISOString(),
      daysLeft: Math.floor((generation.notAfter - now) / DAY_MS),
      roots: generation.caPems.length,
      revocationLists: generation.crls.length,
    },
  }
}

/** Throws a Fault with what is wrong with the certificate of `public` for browsers. */
export async function checkPublic(settings: PublicSettings): Promise<void> {
  await readPublicCertificate(publicExpectationOf(settings), Date.now())
}
