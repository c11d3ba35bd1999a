import { certificateAttack } from '../certificate-attack.ts'
import { forged, moduleUri } from '../forge.ts'

export const nulInId = certificateAttack({
  id: 'nul-in-id',
  title: 'a NUL inside the name',
  meaning: 'A reader of C strings sees the name before the NUL, and nothing behind it.',
  remedy: 'Compare names byte for byte, as they stand in the DER.',
  needs: ['authority'],
  async pair({ trustDomain, stolenId, authority }) {
    const names = [moduleUri(trustDomain, `${stolenId}\0.rogue-1.0.0`)]
    return forged(authority!.issuer, { commonName: 'rogue', names })
  },
})
