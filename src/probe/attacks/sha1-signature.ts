import { certificateAttack } from '../certificate-attack.ts'
import { forged, moduleUri } from '../forge.ts'

export const sha1Signature = certificateAttack({
  id: 'sha1-signature',
  title: 'a certificate signed with SHA-1',
  meaning: 'Two certificates with one signature can be made: one asked for, one used.',
  remedy: 'Refuse signatures with SHA-1 anywhere in a chain.',
  needs: ['authority'],
  handshake: { ciphers: 'DEFAULT@SECLEVEL=0' },
  async pair({ trustDomain, stolenId, authority }) {
    const names = [moduleUri(trustDomain, stolenId)]
    return forged(authority!.issuer, { commonName: stolenId, names, digest: 'sha1' })
  },
})
