import { certificateAttack } from '../certificate-attack.ts'
import { forged, moduleUri } from '../forge.ts'

export const idWildcard = certificateAttack({
  id: 'id-wildcard',
  title: 'a wildcard for the name',
  meaning: 'One certificate is every module.',
  remedy: 'Give wildcards no meaning.',
  needs: ['authority'],
  async pair({ trustDomain, authority }) {
    return forged(authority!.issuer, { commonName: 'rogue', names: [moduleUri(trustDomain, '*')] })
  },
})
