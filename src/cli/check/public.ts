import type { PublicDoor } from '../../config/config.ts'
import { readPublicCertificate } from '../../credentials/public-certificate.ts'
import { publicExpectationOf } from '../../sidecar/expected.ts'

/** Throws a Fault with what is wrong with the certificate that `public` shows to browsers. */
export async function checkPublic(door: PublicDoor): Promise<void> {
  await readPublicCertificate(publicExpectationOf(door), Date.now())
}
