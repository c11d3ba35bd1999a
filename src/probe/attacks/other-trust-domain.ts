import { certificateAttack } from '../certificate-attack.ts'
import { forged, moduleUri } from '../forge.ts'

export const otherTrustDomain = certificateAttack({
  id: 'other-trust-domain',
  title: 'the name in another trust domain',
  meaning: 'A CA that also serves a test system opens production with its names.',
  remedy: 'Compare the trust domain too.',
  needs: ['authority'],
  async pair({ trustDomain, stolenId, authority }) {
    const names = [moduleUri(`test.${trustDomain}`, stolenId)]
    return forged(authority!.issuer, { commonName: stolenId, names })
  },
})
