import { certificateAttack } from '../certificate-attack.ts'
import { forged, moduleUri } from '../forge.ts'

export const idUpperCase = certificateAttack({
  id: 'id-upper-case',
  title: 'the name in upper case',
  meaning: 'Names that are folded before they are compared are names of several.',
  remedy: 'Compare names byte for byte, as they stand in the DER.',
  needs: ['authority'],
  async pair({ trustDomain, stolenId, authority }) {
    const names = [moduleUri(trustDomain, stolenId.toUpperCase())]
    return forged(authority!.issuer, { commonName: 'rogue', names })
  },
})
