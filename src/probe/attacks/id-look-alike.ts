import { certificateAttack } from '../certificate-attack.ts'
import { forged, moduleUri } from '../forge.ts'

export const idLookAlike = certificateAttack({
  id: 'id-look-alike',
  title: 'a name that only looks the same',
  meaning: 'A Cyrillic letter passes for a Latin one wherever names are folded or shown.',
  remedy: 'Compare names byte for byte, as they stand in the DER.',
  needs: ['authority'],
  async pair({ trustDomain, stolenId, authority }) {
    const alike = Buffer.from(stolenId.replace('o', '\u043e'), 'utf8').toString('latin1')
    return forged(authority!.issuer, {
      commonName: 'rogue',
      names: [moduleUri(trustDomain, alike)],
    })
  },
})
