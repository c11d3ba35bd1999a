import { readFileSync } from 'node:fs'
import { issuePair, pairOf } from './authority.ts'
import type { Installation } from './installation.ts'
import { BRIDGE_ADDRESS, inUrl } from './network.ts'
import { programPath } from './programs.ts'
import { until } from './until.ts'

/** Of cert-manager itself, and where the keys of issuers of the whole cluster are. */
const OWN = 'cert-manager'
const WEBHOOK_PORT = 12_443

/** The issuer of the installation. */
export const ISSUER = 'folio'
/** As whom cert-manager asks. */
export const ACCOUNT = `system:serviceaccount:${OWN}:${OWN}`

/** What an operator installs of cert-manager and approver-policy, as the API server's rules let each of them. */
export async function startIssuing(installation: Installation): Promise<void> {
  const { cluster } = installation
  await cluster.defineResources()
  await cluster.addNamespace(OWN, 'restricted')
  await installation.putAuthority(OWN, installation.authority)
  const verbs = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete']
  const apiVersion = 'rbac.authorization.k8s.io/v1'
  const apiGroup = 'rbac.authorization.k8s.io'
  await cluster.apply(
    {
      apiVersion: 'cert-manager.io/v1',
      kind: 'ClusterIssuer',
      metadata: { name: ISSUER },
      spec: { ca: { secretName: 'ca' } },
    },
    {
      apiVersion,
      kind: 'ClusterRole',
      metadata: { name: OWN },
      rules: [
        { apiGroups: ['cert-manager.io', 'acme.cert-manager.io'], resources: ['*'], verbs },
        { apiGroups: [''], resources: ['secrets', 'events'], verbs },
      ],
    },
    {
      apiVersion,
      kind: 'ClusterRoleBinding',
      metadata: { name: OWN },
      roleRef: { apiGroup, kind: 'ClusterRole', name: OWN },
      subjects: [{ kind: 'ServiceAccount', name: OWN, namespace: OWN }],
    },
  )
  await issuePair('webhook', '/CN=cert-manager-webhook', `IP:${BRIDGE_ADDRESS}`)
  const { crt, key } = pairOf('webhook')
  cluster.startBeside('webhook', crt, key, `${WEBHOOK_PORT}`)
  await cluster.apply(...webhooks())
  // Until it listens nothing of cert-manager is accepted, and until the API server asks it everything.
  await until('the webhook is asked', async () => {
    const issuerRef = { name: ISSUER, kind: 'ClusterIssuer' }
    const spec = { secretName: 'nameless', issuerRef }
    const metadata = { name: 'nameless', namespace: OWN }
    const nameless = { apiVersion: 'cert-manager.io/v1', kind: 'Certificate', metadata, spec }
    return /webhook.*denied the request/s.test((await cluster.dryRun(JSON.stringify(nameless))).err)
  })
  const groups = '/O=system:serviceaccounts/O=system:serviceaccounts:cert-manager'
  const access = await cluster.kubeconfigOf('cert-manager', `${groups}/CN=${ACCOUNT}`)
  cluster.start(OWN, programPath('certmanager'), access, 'certificaterequests-approver')
  const admin = await cluster.kubeconfigOf('approver', '/O=system:masters/CN=approver-policy')
  cluster.start(
    ...['approver', programPath('approver'), `--kubeconfig=${admin}`],
    ...[`--leader-election-namespace=${OWN}`, '--metrics-bind-address=0', '--webhook-port=12553'],
    '--readiness-probe-bind-address=0',
  )
}

/** As cert-manager's own chart has them. */
function webhooks(): object[] {
  const common = {
    name: 'webhook.cert-manager.io',
    admissionReviewVersions: ['v1'],
    matchPolicy: 'Equivalent',
    failurePolicy: 'Fail',
    sideEffects: 'None',
  }
  const caBundle = readFileSync(pairOf('ca').crt).toString('base64')
  const at = (path: string) => {
    return { caBundle, url: `https://${inUrl(BRIDGE_ADDRESS)}:${WEBHOOK_PORT}/${path}` }
  }
  const rule = { apiGroups: ['cert-manager.io'], apiVersions: ['v1'] }
  const metadata = { name: 'cert-manager-webhook' }
  const requests = { ...rule, operations: ['CREATE'], resources: ['certificaterequests'] }
  const all = { ...rule, operations: ['CREATE', 'UPDATE'], resources: ['*/*'] }
  return [
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'MutatingWebhookConfiguration',
      metadata,
      webhooks: [{ ...common, rules: [requests], clientConfig: at('mutate') }],
    },
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingWebhookConfiguration',
      metadata,
      webhooks: [{ ...common, rules: [all], clientConfig: at('validate') }],
    },
  ]
}
