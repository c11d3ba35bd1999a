import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { must, PLACE } from '../pod/podman.ts'
import { ACCOUNT, ISSUER, startIssuing } from './cert-manager.ts'
import type { Installation } from './installation.ts'
import { deploymentOf, NAMESPACE, NOTE, OKAPI, TRUST_DOMAIN } from './modules.ts'
import { realWith, theInstallation } from './set-up.ts'
import { until } from './until.ts'

// Who may have which identity: cert-manager's controllers without their own approver, its webhook, and approver-policy.

const USERS = 'mod-users-19.7.0'
const NOTES = 'mod-notes-8.1.0'
/** A namespace of another team, which may make Certificates there. */
const OTHERS = 'others'

const approved = realWith(['webhook', 'approver'])

const ISSUER_REF = { name: ISSUER, kind: 'ClusterIssuer', group: 'cert-manager.io' }
const USAGES = ['digital signature', 'server auth', 'client auth']

interface Request {
  readonly metadata: { readonly name: string }
  readonly spec: { readonly username: string }
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly message: string }[]
  }
}

function uriOf(id: string): string {
  return `spiffe://${TRUST_DOMAIN}/module/${id}`
}

/** A Certificate as one may be written by whoever may write them in a namespace. */
function certificate(where: string, name: string, more: object): object {
  const spec = { secretName: name, duration: '1h', usages: USAGES, issuerRef: ISSUER_REF, ...more }
  const privateKey = { algorithm: 'ECDSA', size: 256 }
  const metadata = { name, namespace: where }
  return {
    apiVersion: 'cert-manager.io/v1',
    kind: 'Certificate',
    metadata,
    spec: { privateKey, ...spec },
  }
}

/** The requests of a namespace that lead to one name, as far as they are decided. */
async function decisions(installation: Installation, where: string, name: string) {
  const { items } = await installation.cluster.get<{ items: Request[] }>(
    ...['-n', where, 'certificaterequests'],
  )
  return items
    .filter(({ metadata }) => metadata.name === name || metadata.name.startsWith(`${name}-`))
    .flatMap(({ status }) => status?.conditions ?? [])
    .filter(({ type }) => type === 'Approved' || type === 'Denied')
    .map(({ type }) => type)
}

/** Whether approver-policy has said of such a request that no policy is for it. */
async function passedOver(installation: Installation, where: string, name: string) {
  const { items } = await installation.cluster.get<{ items: Event[] }>('-n', where, 'events')
  return items.some(({ reason, involvedObject }) => {
    return reason === 'Unprocessed' && involvedObject.name.startsWith(name)
  })
}

interface Event {
  readonly reason: string
  readonly involvedObject: { readonly name: string }
}

/** Waits until all that asked are decided, and wants none of them to have got anything. */
async function allDenied(installation: Installation, where: string, names: readonly string[]) {
  for (const name of names) {
    await until(`${name} is denied`, async () => {
      return (await decisions(installation, where, name)).includes('Denied')
    })
    const { items } = await installation.cluster.get<{ items: Named[] }>('-n', where, 'secrets')
    const secret = items.find(({ metadata }) => metadata.name === name)
    assert.equal(secret?.data?.['tls.crt'], undefined, name)
  }
}

interface Named {
  readonly metadata: { readonly name: string }
  readonly data?: Readonly<Record<string, string>>
}

/** The installation's credentials by cert-manager, with the chart's policy for what each module may have. */
function guarded(): Readonly<Record<string, unknown>> {
  const certManager = { issuer: { name: ISSUER }, requestPolicy: { enabled: true } }
  return { credentials: { from: 'certManager', certManager } }
}

test('approver-policy lets every module have its own name, and calls cross', approved, async () => {
  const installation = theInstallation()
  await startIssuing(installation)
  await installation.cluster.addNamespace(OTHERS, 'restricted')
  for (const id of [USERS, NOTES, OKAPI]) await installation.install(id, guarded())
  for (const id of [USERS, NOTES, OKAPI]) await installation.ready(id)
  for (const id of [USERS, NOTES, OKAPI]) {
    const said = await decisions(installation, NAMESPACE, `${deploymentOf(id)}-tls`)
    assert.deepEqual([...new Set(said)], ['Approved'], id)
  }
  await installation.crosses(OKAPI, NOTE)
})

test(
  'a Certificate for what no policy allows is denied, and nothing is issued',
  approved,
  async () => {
    const installation = theInstallation()
    const { cluster } = installation
    const users = { uris: [uriOf(USERS)] }
    const here = {
      'unknown-module': { uris: [uriOf('mod-tags-3.1.0')] },
      'an-operator': { uris: [`spiffe://${TRUST_DOMAIN}/operator/anna`] },
      'two-names': { uris: [uriOf(USERS), uriOf(OKAPI)] },
      'an-authority': { ...users, isCA: true },
      'names-of-another': { ...users, dnsNames: ['okapi'] },
      'a-long-life': { ...users, duration: '2160h' },
      'no-name': { dnsNames: ['mod-users'] },
    }
    await cluster.apply(
      ...Object.entries(here).map(([name, more]) => certificate(NAMESPACE, name, more)),
      // Another team asks for a name of ours.
      certificate(OTHERS, 'stolen', users),
    )
    await allDenied(installation, NAMESPACE, Object.keys(here))
    // No policy is for that namespace, so the request is left undecided for good.
    await until('approver-policy has seen it', () => passedOver(installation, OTHERS, 'stolen'))
    assert.deepEqual(await decisions(installation, OTHERS, 'stolen'), [])
  },
)

test(
  'an account that writes requests itself gets nothing, whoever it says it is',
  approved,
  async () => {
    const installation = theInstallation()
    const { cluster } = installation
    const intruder = await cluster.kubeconfigOf('intruder', '/CN=intruder')
    const apiVersion = 'rbac.authorization.k8s.io/v1'
    const apiGroup = 'rbac.authorization.k8s.io'
    const resources = ['certificaterequests', 'certificaterequests/status']
    const verbs = ['get', 'list', 'create', 'update', 'patch']
    await cluster.apply(
      {
        apiVersion,
        kind: 'Role',
        metadata: { name: 'intruder', namespace: NAMESPACE },
        rules: [{ apiGroups: ['cert-manager.io'], resources, verbs }],
      },
      {
        apiVersion,
        kind: 'RoleBinding',
        metadata: { name: 'intruder', namespace: NAMESPACE },
        roleRef: { apiGroup, kind: 'Role', name: 'intruder' },
        subjects: [{ apiGroup, kind: 'User', name: 'intruder' }],
      },
    )
    const key = join(PLACE, 'intruder.key')
    const csr = join(PLACE, 'intruder.csr')
    const name = `subjectAltName=URI:${uriOf(USERS)}`
    const fresh = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
    await must(
      'openssl',
      'req',
      '-new',
      ...fresh,
      '-keyout',
      key,
      '-out',
      csr,
      '-subj',
      '/',
      '-addext',
      name,
    )
    const request = readFileSync(csr).toString('base64')
    const spec = {
      request,
      issuerRef: ISSUER_REF,
      usages: USAGES,
      duration: '1h',
      username: ACCOUNT,
    }
    const kind = 'CertificateRequest'
    const metadata = { name: 'forged', namespace: NAMESPACE }
    const file = join(PLACE, 'forged.json')
    writeFileSync(file, JSON.stringify({ apiVersion: 'cert-manager.io/v1', kind, metadata, spec }))
    const asIntruder = (...args: string[]) => cluster.kubectl('--kubeconfig', intruder, ...args)
    await until('the intruder may ask', async () => {
      const may = ['auth', 'can-i', '-n', NAMESPACE]
      const asked = ['create', 'patch'].map((verb) => {
        return asIntruder(...may, verb, 'certificaterequests.cert-manager.io')
      })
      return (await Promise.all(asked)).every(({ code }) => code === 0)
    })
    const made = await asIntruder('create', '-f', file)
    assert.equal(made.code, 0, made.err)
    const { spec: kept } = await cluster.get<Request>(
      '-n',
      NAMESPACE,
      'certificaterequest',
      'forged',
    )
    assert.equal(kept.username, 'intruder', 'who asked is not what was written')

    const at = new Date().toISOString()
    const condition = {
      type: 'Approved',
      status: 'True',
      reason: 'Mine',
      message: '',
      lastTransitionTime: at,
    }
    const patch = JSON.stringify({ status: { conditions: [condition] } })
    const subresource = ['--subresource=status', '--type=merge', '-p', patch]
    const own = await asIntruder(
      '-n',
      NAMESPACE,
      'patch',
      'certificaterequest',
      'forged',
      ...subresource,
    )
    assert.notEqual(own.code, 0)
    assert.match(
      own.err,
      /user "intruder" does not have permissions to set approved\/denied conditions/,
    )
    await until('it is seen', () => passedOver(installation, NAMESPACE, 'forged'))
    assert.deepEqual(await decisions(installation, NAMESPACE, 'forged'), [])
    const { status } = await cluster.get<{ status?: { certificate?: string } }>(
      ...['-n', NAMESPACE, 'certificaterequest', 'forged'],
    )
    assert.equal(status?.certificate, undefined)
  },
)
