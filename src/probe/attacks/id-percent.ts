import { certificateAttack } from '../certificate-attack.ts'
import { forged, moduleUri } from '../forge.ts'

export const idPercent = certificateAttack({
  id: 'id-percent',
  title: 'the name percent-encoded',
  meaning: 'A reader that decodes before it compares takes it for the real one.',
  remedy: 'Compare names byte for byte, as they stand in the DER.',
  needs: ['authority'],
  async pair({ trustDomain, stolenId, authority }) {
    const encoded = stolenId.replaceAll('-', '%2d')
    return forged(authority!.issuer, {
      commonName: 'rogue',
      names: [moduleUri(trustDomain, encoded)],
    })
  },
})
