import { certificateAttack } from '../certificate-attack.ts'
import { forged, moduleUri } from '../forge.ts'

export const twoUris = certificateAttack({
  id: 'two-uris',
  title: 'two URI names in one certificate',
  meaning: 'One reader takes the first, another the last: two identities in one.',
  remedy: 'Refuse certificates without exactly one URI SAN.',
  needs: ['authority'],
  async pair({ trustDomain, stolenId, authority }) {
    const names = ['mod-rogue-1.0.0', stolenId].map((id) => moduleUri(trustDomain, id))
    return forged(authority!.issuer, { commonName: stolenId, names })
  },
})
