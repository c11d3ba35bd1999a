import { certificateAttack } from '../certificate-attack.ts'
import { forged, moduleUri } from '../forge.ts'

export const selfSigned = certificateAttack({
  id: 'self-signed',
  title: 'the right name, self-signed',
  meaning: 'Anyone who can make a key is whoever they want to be.',
  remedy: 'Verify that the chain ends in the installation’s own CA.',
  async pair({ trustDomain, stolenId }) {
    return forged('self', { commonName: stolenId, names: [moduleUri(trustDomain, stolenId)] })
  },
})
