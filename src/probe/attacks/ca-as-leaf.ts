import {
  authorityKeyIdentifier,
  basicConstraints,
  extendedKeyUsage,
  keyUsage,
  subjectAltName,
  subjectKeyIdentifier,
} from '../../pki/extensions.ts'
import { certificateAttack } from '../certificate-attack.ts'
import { forged, moduleUri } from '../forge.ts'

export const caAsLeaf = certificateAttack({
  id: 'ca-as-leaf',
  title: 'a CA certificate for a leaf',
  meaning: 'Whoever gets a CA’s own key pair is a module, too; and the other way round.',
  remedy: 'Refuse leaves that may sign certificates.',
  needs: ['authority'],
  async pair({ trustDomain, stolenId, authority }) {
    const names = [moduleUri(trustDomain, stolenId)]
    return forged(authority!.issuer, {
      commonName: stolenId,
      extensions: (publicKey, issuerKey) => {
        return [
          basicConstraints({ ca: true }),
          keyUsage(['digitalSignature', 'keyCertSign']),
          extendedKeyUsage(['serverAuth', 'clientAuth']),
          subjectKeyIdentifier(publicKey),
          authorityKeyIdentifier(issuerKey),
          subjectAltName(names),
        ]
      },
    })
  },
})
