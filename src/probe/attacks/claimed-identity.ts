import { callAttack } from '../call-attack.ts'

export const claimedIdentity = callAttack({
  id: 'claimed-identity',
  group: 'headers',
  title: 'a name in X-Sidecar-* and mesh headers',
  meaning: 'A header replaces the certificate: whoever may write it is anybody.',
  remedy: 'Take no identity from headers.',
  against: 'module',
  calls: ({ trustDomain, stolenId, ordinaryPath }) => {
    const uri = `spiffe://${trustDomain}/module/${stolenId}`
    return [
      {
        target: ordinaryPath,
        more: [
          ['X-Sidecar-Caller', stolenId],
          ['X-Forwarded-Client-Cert', `URI=${uri}`],
          ['X-SSL-Client-Verify', 'SUCCESS'],
          ['X-SSL-Client-S-DN', `CN=${stolenId}`],
        ],
      },
    ]
  },
})
