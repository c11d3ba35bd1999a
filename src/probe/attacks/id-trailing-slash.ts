import { certificateAttack } from '../certificate-attack.ts'
import { forged, moduleUri } from '../forge.ts'

export const idTrailingSlash = certificateAttack({
  id: 'id-trailing-slash',
  title: 'the name with a slash behind it',
  meaning: 'A reader that normalises before it compares takes it for the real one.',
  remedy: 'Compare names byte for byte, as they stand in the DER.',
  needs: ['authority'],
  async pair({ trustDomain, stolenId, authority }) {
    const names = [moduleUri(trustDomain, `${stolenId}/`)]
    return forged(authority!.issuer, { commonName: 'rogue', names })
  },
})
