import { generateKeyPair } from 'node:crypto'
import { promisify } from 'node:util'
import { certificateAttack } from '../certificate-attack.ts'
import { forged, moduleUri } from '../forge.ts'

export const weakKey = certificateAttack({
  id: 'weak-key',
  title: 'an RSA key of 1024 bits',
  meaning: 'A key that can be computed from its certificate opens the door.',
  remedy: 'Refuse RSA below 2048 bits and curves below P-256.',
  needs: ['authority'],
  // OpenSSL would not even offer such a key at its ordinary level.
  handshake: { ciphers: 'DEFAULT@SECLEVEL=0' },
  async pair({ trustDomain, stolenId, authority }) {
    const keys = await promisify(generateKeyPair)('rsa', { modulusLength: 1024 })
    const names = [moduleUri(trustDomain, stolenId)]
    return forged(authority!.issuer, { commonName: stolenId, names, keys })
  },
})
