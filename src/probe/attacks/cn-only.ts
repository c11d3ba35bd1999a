import { certificateAttack } from '../certificate-attack.ts'
import { forged } from '../forge.ts'

export const cnOnly = certificateAttack({
  id: 'cn-only',
  title: 'a name in the CN alone',
  meaning: 'Whoever may choose a common name may choose an identity.',
  remedy: 'Take identity from the one URI SAN and from nothing else.',
  needs: ['authority'],
  async pair({ stolenId, authority }) {
    return forged(authority!.issuer, { commonName: stolenId, names: [] })
  },
})
