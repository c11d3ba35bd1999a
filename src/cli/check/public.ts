import type { PublicDoor } from '../../config/config.ts'
import { readPublicCertificate } from '../../credentials/public-certificate.ts'

/** Throws a Fault with what is wrong with the certificate that `public` shows to browsers. */
export function checkPublic({ credentials: { directory } }: PublicDoor): void {
  readPublicCertificate(directory, Date.now())
}
