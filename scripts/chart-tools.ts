// Builds what the chart is tested with, from source and by version, where `go` is: helm if there is none,
// its unittest plugin, kubeconform; and fetches what Kubernetes and the operators say of their resources.
// With `more` helm 4 besides. What cannot be had is one line that begins with `skipped:`; the exit code is 1 then.
//
//     npm run chart-tools [-- more]
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { BIN, BIN_OF_HELM_4, KUBERNETES, OPERATORS, PLUGINS, SCHEMAS } from '../test/helm/tools.ts'
import { writeSchemas } from './chart-schemas.ts'

const HELM = 'v3.21.3'
const HELM_4 = 'v4.3.2'
const UNITTEST = 'v1.1.2'
const KUBECONFORM = 'v0.8.0'
/** A cold build of all takes five minutes on two cores; what was compiled by then is kept by `go`. */
const WITHIN_MS = 540_000

const KINDS = new Set([
  ...['ConfigMap', 'Deployment', 'Job', 'NetworkPolicy', 'Pod', 'PodDisruptionBudget', 'Secret'],
  ...['Role', 'RoleBinding', 'Service', 'ServiceAccount'],
])

const started = performance.now()

function go(args: readonly string[], cwd?: string, bin = BIN): string {
  const timeout = Math.max(1, Math.ceil(WITHIN_MS - (performance.now() - started)))
  const env = { ...process.env, GOBIN: bin, CGO_ENABLED: '0' }
  const stdio = ['ignore', 'pipe', 'pipe'] as const
  return execFileSync('go', args, { cwd, env, timeout, stdio: [...stdio], encoding: 'utf8' })
}

/** Where the source of a module lies, by `PATH@VERSION`; it is fetched where it does not yet. */
function source(module: string): string {
  const said: { Dir: string } = JSON.parse(go(['mod', 'download', '-json', module], '/'))
  return said.Dir
}

function helm(): void {
  try {
    execFileSync('helm', ['version'], { stdio: 'ignore' })
  } catch {
    go(['install', `helm.sh/helm/v3/cmd/helm@${HELM}`], '/')
  }
}

function helm4(): void {
  go(['install', `helm.sh/helm/v4/cmd/helm@${HELM_4}`], '/', BIN_OF_HELM_4)
}

function unittest(): void {
  const home = join(PLUGINS, 'unittest')
  mkdirSync(home, { recursive: true })
  // Not `go install`: it declines modules that replace others.
  const cwd = source(`github.com/helm-unittest/helm-unittest@${UNITTEST}`)
  go(['build', '-o', join(home, 'unittest'), './cmd/helm-unittest'], cwd)
  const plugin = {
    name: 'unittest',
    version: UNITTEST.slice(1),
    usage: 'unittest for helm charts',
    description: 'unittest for helm charts',
    command: '$HELM_PLUGIN_DIR/unittest',
  }
  writeFileSync(join(home, 'plugin.yaml'), JSON.stringify(plugin))
}

function kubeconform(): void {
  go(['install', `github.com/yannh/kubeconform/cmd/kubeconform@${KUBECONFORM}`], '/')
}

function schemas(): void {
  const certManager = source(OPERATORS.certManager)
  const approver = source(OPERATORS.approverPolicy)
  const operator = source(OPERATORS.prometheus)
  const monitoring = join(operator, 'example/prometheus-operator-crd/monitoring.coreos.com')
  const custom = [
    join(certManager, 'deploy/crds/cert-manager.io_certificates.yaml'),
    join(approver, 'deploy/crds/policy.cert-manager.io_certificaterequestpolicies.yaml'),
    `${monitoring}_podmonitors.yaml`,
    `${monitoring}_prometheusrules.yaml`,
  ]
  for (const version of KUBERNETES) {
    const home = source(`k8s.io/kubernetes@v${version}`)
    const folder = join(SCHEMAS, version)
    rmSync(folder, { recursive: true, force: true })
    writeSchemas(folder, join(home, 'api/openapi-spec/swagger.json'), custom, KINDS)
  }
}

mkdirSync(BIN, { recursive: true })
const more = process.argv.slice(2).includes('more') ? { 'helm 4': helm4 } : {}
for (const [what, make] of Object.entries({ helm, unittest, kubeconform, schemas, ...more })) {
  try {
    make()
    console.log(`${what}: here after ${Math.round((performance.now() - started) / 1000)} s`)
  } catch (error) {
    process.exitCode = 1
    const why = error instanceof Error ? error.message.trim().split('\n').slice(0, 3).join(' ') : ''
    console.log(`skipped: ${what} of the chart's tools: ${why}`)
  }
}
