import { certificateAttack } from '../certificate-attack.ts'
import { forged, moduleUri } from '../forge.ts'

export const revoked = certificateAttack({
  id: 'revoked',
  title: 'a certificate that was revoked',
  meaning: 'A stolen key goes on opening the door after it was reported.',
  remedy: 'Give the target the CA’s current revocation list.',
  needs: ['authority', 'revocation'],
  async pair({ trustDomain, stolenId, authority }) {
    const names = [moduleUri(trustDomain, stolenId)]
    const { issuer, revokedSerial } = authority!
    return forged(issuer, { commonName: stolenId, names, serial: revokedSerial! })
  },
})
