import { certificateAttack } from '../certificate-attack.ts'
import { foreignRoot, forged, moduleUri } from '../forge.ts'

export const foreignCa = certificateAttack({
  id: 'foreign-ca',
  title: 'the right name from a foreign CA',
  meaning: 'Anyone who can make a certificate is whoever they want to be.',
  remedy: 'Verify client certificates against the installation’s own CA, never the public roots.',
  async pair({ trustDomain, stolenId }) {
    const names = [moduleUri(trustDomain, stolenId)]
    return forged(await foreignRoot(trustDomain), { commonName: stolenId, names })
  },
})
