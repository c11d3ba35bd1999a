import { Gauge, type Registry } from 'prom-client'

/** Whose certificate: the sidecar's own, or the one that `public` shows to browsers. */
const USES = ['module', 'public'] as const
type CertificateUse = (typeof USES)[number]

/** Of a certificate, in milliseconds since 1970. */
interface ValidityPeriod {
  readonly notBefore: number
  readonly notAfter: number
}

/** Each is asked at scrape. */
export type CertificatesInUse = Readonly<Partial<Record<CertificateUse, () => ValidityPeriod>>>

/** When the certificates in use began and end, in seconds since 1970. */
export function certificateSeries(registry: Registry, uses: CertificatesInUse): void {
  const gauge = (name: string, help: string, ms: (period: ValidityPeriod) => number) =>
    new Gauge({
      name,
      help,
      labelNames: ['use'],
      registers: [registry],
      collect() {
        for (const use of USES) {
          const read = uses[use]
          if (read !== undefined) this.set({ use }, ms(read()) / 1000)
        }
      },
    })
  const begin = 'sidecar_certificate_not_before_timestamp_seconds'
  const end = 'sidecar_certificate_not_after_timestamp_seconds'
  gauge(begin, 'When the certificate in use began', ({ notBefore }) => notBefore)
  gauge(end, 'When the certificate in use ends', ({ notAfter }) => notAfter)
}
