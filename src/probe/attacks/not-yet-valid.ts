import { certificateAttack } from '../certificate-attack.ts'
import { forged, moduleUri } from '../forge.ts'

export const notYetValid = certificateAttack({
  id: 'not-yet-valid',
  title: 'a certificate that is not valid yet',
  meaning: 'Certificates made in advance for later open the door today.',
  remedy: 'Check the validity of every certificate in the chain.',
  needs: ['authority'],
  async pair({ trustDomain, stolenId, authority }) {
    const names = [moduleUri(trustDomain, stolenId)]
    return forged(authority!.issuer, { commonName: stolenId, names, hours: [24, 48] })
  },
})
