import { certificateAttack } from '../certificate-attack.ts'
import { forged, moduleUri } from '../forge.ts'

export const expired = certificateAttack({
  id: 'expired',
  title: 'a certificate that has expired',
  meaning: 'A key that leaked last year still opens the door.',
  remedy: 'Check the validity of every certificate in the chain.',
  needs: ['authority'],
  async pair({ trustDomain, stolenId, authority }) {
    const names = [moduleUri(trustDomain, stolenId)]
    return forged(authority!.issuer, { commonName: stolenId, names, hours: [-48, -24] })
  },
})
