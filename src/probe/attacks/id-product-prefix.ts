import { certificateAttack } from '../certificate-attack.ts'
import { forged, moduleUri } from '../forge.ts'

export const idProductPrefix = certificateAttack({
  id: 'id-product-prefix',
  title: 'a product whose name begins the same',
  meaning: '`okapi-test-module` passes for `okapi` where prefixes are compared.',
  remedy: 'Split product and version as Okapi does, and compare them whole.',
  needs: ['authority'],
  async pair({ trustDomain, stolenId, authority }) {
    const longer = stolenId.replace(/-(?=\d)/, '-test-module-')
    return forged(authority!.issuer, {
      commonName: 'rogue',
      names: [moduleUri(trustDomain, longer)],
    })
  },
})
