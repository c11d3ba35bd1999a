import { X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import type { Installation } from './installation.ts'
import { deploymentOf, NAMESPACE, NOTE, OKAPI } from './modules.ts'
import { noneIsLost, real, theInstallation } from './set-up.ts'
import { until } from './until.ts'

const USERS = 'mod-users-19.7.0'
const NOTES = 'mod-notes-8.1.0'
const CHAIN = [OKAPI, USERS, NOTES]
const ISSUER = 'folio'
const ROOTS = 'folio-roots'
/** Where cert-manager looks for the keys of issuers of the whole cluster. */
const OWN = 'cert-manager'
/** `CLUSTER_RENEWALS=10` sees ten of them, in three minutes. */
const RENEWALS = Number(process.env['CLUSTER_RENEWALS'] ?? 3)

interface Certificate {
  readonly status?: { readonly revision?: number }
}

/** The chart's Certificate of a module, and the Secret that it leads to, are called so. */
function certificateOf(id: string): string {
  return `${deploymentOf(id)}-tls`
}

async function revisionOf(installation: Installation, id: string): Promise<number> {
  const name = certificateOf(id)
  const found = await installation.cluster.get<Certificate>('-n', NAMESPACE, 'certificate', name)
  return found.status?.revision ?? 0
}

test(`cert-manager renews ${RENEWALS} times while calls run, and none is lost`, real, async () => {
  const installation = theInstallation()
  const { cluster } = installation
  await cluster.defineResources()
  await cluster.addNamespace(OWN, 'restricted')
  await installation.putAuthority(OWN, installation.authority)
  await cluster.apply({
    apiVersion: 'cert-manager.io/v1',
    kind: 'ClusterIssuer',
    metadata: { name: ISSUER },
    spec: { ca: { secretName: 'ca' } },
  })
  cluster.startBeside('certmanager')
  // The shortest life that the chart takes, and a renewal after 15 seconds of it.
  const certManager = { issuer: { name: ISSUER }, duration: '1h', renewBefore: '59m45s' }
  await installation.install(USERS, { credentials: { from: 'certManager', certManager } })
  await installation.ready(USERS)
  // The Secret comes before that.
  await until('it is issued', async () => (await revisionOf(installation, USERS)) > 0)
  const first = await revisionOf(installation, USERS)
  const { generation } = await installation.inUse(USERS)
  const said = await installation.callsWhile(OKAPI, NOTE, async () => {
    for (let i = 1; i <= RENEWALS; i++) {
      await until(`renewal ${i}`, async () => (await revisionOf(installation, USERS)) >= first + i)
    }
    await until(
      'they are used',
      async () => (await installation.inUse(USERS)).generation > generation,
    )
  })
  const used = (await installation.inUse(USERS)).generation - generation
  noneIsLost(`${RENEWALS} renewals by cert-manager, ${used} of them taken up`, said)
})

test(
  'the CA of cert-manager is rolled over with trust of both, and no call is lost',
  real,
  async () => {
    const installation = theInstallation()
    const next = await installation.foundAuthority('next')
    const roots = [installation.authority, next].map(({ crt }) => new X509Certificate(crt))
    const [old, young] = roots.map(fingerprintOf)
    await installation.putRoots(ROOTS, [installation.authority])
    const credentials = {
      from: 'certManager',
      certManager: { issuer: { name: ISSUER } },
      trust: { configMap: ROOTS },
    }
    for (const id of CHAIN) await installation.install(id, { credentials })
    for (const id of CHAIN) await installation.ready(id)
    await installation.crosses(OKAPI, NOTE)

    const allTrust = (wanted: readonly (string | undefined)[]) => {
      return until(`all trust ${wanted.length}`, async () => {
        const found = await Promise.all(
          CHAIN.map(async (id) => (await installation.inUse(id)).roots),
        )
        return found.every(
          (one) => one.length === wanted.length && wanted.every((root) => one.includes(root!)),
        )
      })
    }
    const said = await installation.callsWhile(OKAPI, NOTE, async () => {
      await installation.putRoots(ROOTS, [installation.authority, next])
      await allTrust([old, young])
      await installation.putAuthority(OWN, next)
      for (const id of CHAIN) {
        const leafOf = async () => {
          return new X509Certificate(await installation.leafOf(certificateOf(id)))
        }
        // cert-manager may have seen neither the new Secret of its CA nor, shortly after the upgrade, what is asked now.
        await until(`${id} has a certificate of the new CA`, async () => {
          const before = await revisionOf(installation, id)
          await installation.renewNow(certificateOf(id))
          await until(`${id} has another`, async () => {
            return (await revisionOf(installation, id)) > before
          })
          return (await leafOf()).verify(roots[1]!.publicKey)
        })
        await until(`${id} uses it`, async () => {
          const { serial } = await installation.inUse(id)
          return BigInt(`0x${serial}`) === BigInt(`0x${(await leafOf()).serialNumber}`)
        })
      }
      await installation.putRoots(ROOTS, [next])
      await allTrust([young])
    })
    noneIsLost('a rollover of the CA', said)
  },
)

function fingerprintOf({ fingerprint256 }: X509Certificate): string {
  return fingerprint256.replaceAll(':', '').toLowerCase()
}
