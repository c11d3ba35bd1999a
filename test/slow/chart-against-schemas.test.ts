import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import test from 'ava'
import { parse, parseAllDocuments, stringify } from 'yaml'
import { LOCATION } from '../../scripts/chart-schemas.ts'
import { everyInstallation, SWITCHES } from '../helm/matrix.ts'
import {
  CHART,
  MODULE,
  PLACE,
  render,
  renderMany,
  type Thing,
  type Values,
} from '../helm/render.ts'
import { KUBERNETES, SCHEMAS } from '../helm/tools.ts'
import { runTool, withTool } from '../support/scenario/tools.ts'

// What the chart renders, held against what Kubernetes itself and the operators publish of their resources.
// An unknown key is an error, so is a kind without a schema.
const schemas = existsSync(SCHEMAS) ? [] : ['the schemas (npm run chart-tools)']
const withSchemas = withTool('helm', 'kubeconform', ...schemas)
const [BEFORE_NATIVE, ...NATIVE] = KUBERNETES

test.after.always(() => rmSync(PLACE, { recursive: true, force: true }))

interface Verdict {
  readonly filename: string
  readonly kind: string
  readonly name: string
  readonly status: string
  readonly msg: string
}

let folders = 0

/** What `kubeconform` finds in these files of documents, by name. */
async function verdicts(
  rendered: Readonly<Record<string, string>>,
  version: string,
): Promise<Verdict[]> {
  const folder = join(PLACE, `rendered-${folders++}`)
  mkdirSync(folder)
  for (const [name, text] of Object.entries(rendered)) {
    writeFileSync(join(folder, `${name}.yaml`), text)
  }
  const where = ['-schema-location', join(SCHEMAS, version, LOCATION)]
  const args = ['-strict', '-verbose', '-output', 'json', ...where, folder]
  const { out, err } = await runTool('kubeconform', args)
  if (out === '') throw new Error(err)
  const { resources }: { resources: Verdict[] } = JSON.parse(out)
  return resources
}

function bad(all: readonly Verdict[]): string[] {
  const found = all.filter(({ status }) => status !== 'statusValid')
  return found.map(({ filename, kind, name, status, msg }) =>
    [basename(filename), kind, name, status, msg].join(': '),
  )
}

const INSTALLATIONS = everyInstallation()

function all(mode: string): Record<string, Values> {
  const each = Object.entries(INSTALLATIONS)
  return Object.fromEntries(each.map(([name, values]) => [name, { ...values, mode }]))
}

for (const version of KUBERNETES) {
  const mode = version === BEFORE_NATIVE ? 'container' : 'native'
  withSchemas(`Kubernetes ${version} knows all that is rendered (${mode})`, async (t) => {
    const rendered = await renderMany(all(mode), version)
    t.deepEqual(Object.keys(rendered).sort(), Object.keys(INSTALLATIONS).sort())
    const judged = await verdicts(rendered, version)
    t.deepEqual(bad(judged), [])
    const documents =
      Object.values(rendered)
        .join('')
        .match(/^kind: /gm) ?? []
    t.is(judged.length, documents.length, 'every document was judged')
    const kinds = new Set(judged.map(({ kind }) => kind))
    for (const kind of [
      ...[
        'CertificateRequestPolicy',
        'Certificate',
        'Role',
        'RoleBinding',
        'PodMonitor',
        'PrometheusRule',
      ],
      ...['NetworkPolicy', 'PodDisruptionBudget', 'Deployment', 'Pod', 'Service', 'ConfigMap'],
    ]) {
      t.true(kinds.has(kind), kind)
    }
  })
}

withSchemas('an installation among many is rendered as it is alone', async (t) => {
  const names = [
    ...['module, all together', 'okapi, all together', 'edge, all together'],
    // Its values take a default away.
    'module, another kind of SPIFFE socket',
  ]
  const many = await renderMany(all('native'), NATIVE[0]!)
  for (const name of names) {
    const alone = await render(all('native')[name]!, ['--kube-version', NATIVE[0]!])
    t.deepEqual(sorted(parseAllDocuments(many[name]!).map((each) => each.toJS())), sorted(alone))
  }
})

function sorted(things: readonly Thing[]): readonly Thing[] {
  const key = ({ kind, metadata }: Thing) => `${kind} ${metadata.name}`
  return things.toSorted((a, b) => (key(a) < key(b) ? -1 : 1))
}

test('every value of the chart that has defaults is in the matrix', (t) => {
  const defaults = Object.keys(parse(readFileSync(join(CHART, 'values.yaml'), 'utf8')))
  const turned = new Set(Object.values(SWITCHES).flatMap((values) => Object.keys(values)))
  // The roles say the first two, the mode goes with the version, a patch is for Kustomize alone.
  const elsewhere = ['module', 'trustDomain', 'role', 'mode', 'patch']
  t.deepEqual(
    defaults.filter((name) => !turned.has(name) && !elsewhere.includes(name)),
    [],
  )
})

interface Spoilt {
  readonly spec: { readonly template: { readonly spec: { containers: Record<string, unknown>[] } } }
}

const WRONG: readonly [string, string, (thing: Spoilt) => void][] = [
  ['a misspelt key of a container', 'Deployment', (it) => set(it, 'readinesProbe', {})],
  ['a wrong type', 'Deployment', (it) => set(it, 'args', 'run')],
  ['a missing name', 'Deployment', (it) => set(it, 'name', undefined)],
  ['a key that stands too high', 'Service', (it) => Object.assign(it, { ports: [] })],
  ['a label that is a number', 'ConfigMap', (it) => Object.assign(it, { metadata: { labels: 1 } })],
  ['a misspelt key of a certificate', 'Certificate', (it) => inSpec(it, { uri: ['spiffe://a'] })],
  ['an unknown algorithm', 'Certificate', (it) => inSpec(it, { privateKey: { algorithm: 'X' } })],
  [
    'an unknown key of metadata',
    'Certificate',
    (it) => Object.assign(it, { metadata: { a: 'b' } }),
  ],
  ['a misspelt key of a request policy', 'CertificateRequestPolicy', (it) => inSpec(it, { a: 1 })],
  ['a wrong endpoint', 'PodMonitor', (it) => inSpec(it, { podMetricsEndpoints: [{ paths: '/' }] })],
  ['a rule without an expression', 'PrometheusRule', (it) => inSpec(it, { groups: [{ a: 1 }] })],
  ['an unknown kind', 'ConfigMap', (it) => Object.assign(it, { kind: 'ConfigMaps' })],
]

/** A key of the first container. */
function set(thing: Spoilt, key: string, value: unknown): void {
  thing.spec.template.spec.containers[0]![key] = value
}

function inSpec(thing: Spoilt, more: object): void {
  Object.assign(thing.spec, more)
}

withSchemas('wrong manifests are found', async (t) => {
  const on = {
    ...MODULE,
    credentials: {
      certManager: { issuer: { name: 'folio' }, requestPolicy: { enabled: true } },
    },
    podMonitor: { enabled: true },
    prometheusRule: { enabled: true },
  }
  const things = await render(on)
  for (const version of NATIVE) {
    const spoilt = WRONG.map(([what, kind, spoil]) => {
      const thing = structuredClone(things.find((each) => each.kind === kind))
      spoil(thing as unknown as Spoilt)
      return [what, stringify(thing)]
    })
    const all = await verdicts(Object.fromEntries(spoilt), version)
    t.is(all.length, WRONG.length)
    t.deepEqual(
      all.filter(({ status }) => status === 'statusValid').map(({ filename }) => filename),
      [],
    )
  }
})
