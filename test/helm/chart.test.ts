import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { parse, stringify } from 'yaml'
import { loadConfig } from '../../src/config/load.ts'
import { runTool, withTool } from '../support/scenario/tools.ts'
import {
  CHART,
  type Container,
  MATRIX,
  MODULE,
  only,
  PLACE,
  type PodSpec,
  podSpecs,
  render,
  sidecarOf,
  type Thing,
  type Values,
} from './render.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const withHelm = withTool('helm')

test.after.always(() => rmSync(PLACE, { recursive: true, force: true }))

test('values.schema.json is what the configuration is', async (t) => {
  const file = join(PLACE, 'schema.json')
  const { code, err } = await runTool(process.execPath, [
    join(ROOT, 'scripts/helm-schema.ts'),
    file,
  ])
  t.is(code, 0, err)
  const committed = readFileSync(join(CHART, 'values.schema.json'), 'utf8')
  t.true(committed === readFileSync(file, 'utf8'), 'run npm run helm-schema')
})

test('the version in the templates is the chart’s', (t) => {
  const { version, appVersion } = parse(readFileSync(join(CHART, 'Chart.yaml'), 'utf8'))
  const names = readFileSync(join(CHART, 'templates/_names.tpl'), 'utf8')
  t.true(names.includes(`"okapi-sidecar-%s" "${version}"`))
  t.true(names.includes(`"appVersion" "${appVersion}"`))
  t.is(appVersion, JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).version)
})

for (const [what, values] of Object.entries(MATRIX)) {
  withHelm(`${what}: lint finds nothing`, async (t) => {
    const file = join(PLACE, 'lint.yaml')
    writeFileSync(file, stringify(values))
    const { code, out, err } = await runTool('helm', [
      'lint',
      CHART,
      '-f',
      file,
      '--strict',
      '--kube-version',
      '1.32.0',
    ])
    t.is(code, 0, out + err)
  })

  withHelm(`${what}: nothing can be had from these pods that is not given`, async (t) => {
    for (const pod of podSpecs(await render(values))) {
      t.false(pod.automountServiceAccountToken)
      t.false(pod.enableServiceLinks)
      t.falsy(pod.hostNetwork)
      t.falsy(pod.shareProcessNamespace)
      t.is(pod.securityContext.seccompProfile.type, 'RuntimeDefault')
      for (const container of [...(pod.initContainers ?? []), ...pod.containers])
        guarded(t, container)
      mounted(t, pod)
    }
  })

  withHelm(`${what}: the sidecar takes its configuration`, async (t) => {
    const things = await render(values)
    const [map] = things.filter(({ data }) => data?.['sidecar.yaml'] !== undefined)
    const file = join(PLACE, 'sidecar.yaml')
    writeFileSync(file, map!.data!['sidecar.yaml']!, { mode: 0o600 })
    const { config, problems } = loadConfig(file, {})
    t.deepEqual(problems, [])
    t.is(config.module.id, String((values as { module: string }).module))
    t.is(config.ingress === undefined, config.module.product.startsWith('edge-'))
    t.is(config.modules !== undefined, config.module.product === 'okapi')
  })

  withHelm(`${what}: Okapi's own Kubernetes discovery finds nothing to call`, async (t) => {
    for (const { kind, spec } of await render(values)) {
      if (kind !== 'Service') continue
      for (const { name } of (spec as { ports: { name: string }[] }).ports) {
        t.false(['http', 'https'].includes(name))
      }
    }
    t.pass()
  })
}

function guarded(t: { is: (a: unknown, b: unknown, why?: string) => void }, container: Container) {
  const { name, securityContext } = container
  const { capabilities, allowPrivilegeEscalation, runAsUser, runAsNonRoot } = securityContext
  t.is(allowPrivilegeEscalation, false, name)
  t.is(JSON.stringify(capabilities.drop), '["ALL"]', name)
  if (name === 'sidecar-nftables') {
    t.is(JSON.stringify(capabilities.add), '["NET_ADMIN"]')
    t.is(container.restartPolicy, undefined, 'it ends before anything else begins')
    return
  }
  t.is(capabilities.add, undefined, name)
  if (name === 'probe') return
  t.is(runAsNonRoot, true, name)
  t.is(runAsUser === 65532, name === 'okapi-sidecar', name)
  if (name === 'okapi-sidecar') {
    t.is(securityContext.readOnlyRootFilesystem, true)
    t.is(container.resources?.limits?.memory, '128Mi')
    for (const { readOnly } of container.volumeMounts ?? []) t.is(readOnly, true)
  }
}

/** Every mount has its volume, and only the sidecar (and who sets its rules) has those of the sidecar. */
function mounted(t: { true: (a: boolean, why?: string) => void }, pod: PodSpec) {
  const volumes = new Set((pod.volumes ?? []).map(({ name }) => name))
  for (const { name, volumeMounts = [] } of [...(pod.initContainers ?? []), ...pod.containers]) {
    for (const mount of volumeMounts) {
      t.true(volumes.has(mount.name), mount.name)
      if (mount.name.startsWith('sidecar-')) {
        t.true(['okapi-sidecar', 'sidecar-nftables'].includes(name), `${mount.name} in ${name}`)
      }
    }
  }
}

withHelm('a native sidecar starts first, and stops last', async (t) => {
  const [pod] = podSpecs([only(await render(MODULE), 'Deployment')])
  t.deepEqual(
    pod!.initContainers?.map(({ name }) => name),
    ['okapi-sidecar'],
  )
  const sidecar = sidecarOf(pod!)
  t.is(sidecar.restartPolicy, 'Always')
  t.true('startupProbe' in sidecar)
  t.deepEqual(
    pod!.containers.map(({ name }) => name),
    ['mod-users'],
  )
})

withHelm('mode container: it runs beside the module and waits before it closes', async (t) => {
  const things = await render({ ...MODULE, mode: 'container' }, ['--kube-version', '1.28.3'])
  const [pod] = podSpecs([only(things, 'Deployment')])
  t.is(pod!.initContainers, undefined)
  t.is(sidecarOf(pod!).restartPolicy, undefined)
  const { data } = only(things, 'ConfigMap', 'mod-users-19-7-0-sidecar')
  t.is(parse(data!['sidecar.yaml']!).drain.delayMs, 10_000)
})

withHelm('the rules are in force before the sidecar starts', async (t) => {
  const things = await render(MATRIX['a module with rules of its own']!)
  const [pod] = podSpecs([only(things, 'Deployment')])
  t.deepEqual(
    pod!.initContainers?.map(({ name }) => name),
    ['sidecar-nftables', 'okapi-sidecar'],
  )
})

withHelm('without a module it renders nothing', async (t) => {
  t.deepEqual(await render({}), [])
})

withHelm('the configuration goes before what the chart says, key by key', async (t) => {
  const things = await render(MATRIX['everything there is']!)
  const { data } = only(things, 'ConfigMap', 'mod-users-19-7-0-sidecar')
  const config = parse(data!['sidecar.yaml']!)
  t.is(config.egress.gateway, 'https://o:1')
  t.is(config.egress.listen, '127.0.0.1:9130')
  t.is(config.policy.mode, 'report')
  t.is(config.policy.descriptors, '/etc/sidecar/policy/installed.json')
})

withHelm('the certificate names the module, and values cannot ask for another', async (t) => {
  const things = await render(MATRIX['everything there is']!)
  const uri = 'spiffe://folio.example.org/module/mod-users-19.7.0'
  const { spec, metadata } = only(things, 'Certificate')
  t.true(metadata.name.includes('mod-users-19-7-0'))
  const asked = spec as { uris: string[]; dnsNames: string[]; commonName?: string }
  t.deepEqual(asked.uris, [uri])
  t.is(asked.commonName, undefined)
  t.true(asked.dnsNames.includes('mod-users.folio.svc'))
  const policy = only(things, 'CertificateRequestPolicy').spec as {
    allowed: { uris: { values: string[]; required: boolean }; commonName?: unknown; isCA?: boolean }
  }
  t.deepEqual(policy.allowed.uris, { required: true, values: [uri] })
  t.is(policy.allowed.isCA, undefined)
})

withHelm('the module’s own port is closed, by either kind of rules', async (t) => {
  const things = await render(MATRIX['a module with rules of its own']!)
  const { ingress } = only(things, 'NetworkPolicy').spec as {
    ingress: { ports: { port: number }[] }[]
  }
  t.deepEqual(
    ingress.flatMap(({ ports }) => ports.map(({ port }) => port)),
    [8443, 9901],
  )
  const { data } = only(things, 'ConfigMap', 'mod-users-19-7-0-sidecar')
  const rules = data!['sidecar.nft']!
  t.regex(rules, /tcp dport \{ 9901, 8443, 5701 \} accept/)
  t.regex(rules, /ip daddr 10\.1\.2\.0\/24 tcp dport \{ 5432, 9092 \} accept/)
  t.regex(rules, /ip6 daddr fd00::\/8 tcp dport \{ 5432 \} accept/)
  t.regex(rules, /ip6 daddr fd00::a meta l4proto \{ tcp, udp \} th dport 53 accept/)
})

withHelm('a database is for the sidecar’s user alone, and the module is sent to it', async (t) => {
  const things = await render(MATRIX['a module with a database']!)
  const { data } = only(things, 'ConfigMap', 'mod-users-19-7-0-sidecar')
  t.deepEqual(parse(data!['sidecar.yaml']!).postgres, [
    {
      listen: '127.0.0.1:5432',
      server: 'db.example.org:5432',
      trust: '/database/0/ca.crt',
      clientCertificate: 'own',
      databases: ['folio'],
      roles: ['folio_users', '{tenant}_mod_users'],
      superuser: 'report',
      authentication: ['scram-sha-256', 'md5'],
    },
  ])
  t.false(data!['sidecar.nft']!.includes('5432'))
  t.true(data!['sidecar.nft']!.includes('meta skuid 65532 accept'))
  const [pod] = podSpecs([only(things, 'Deployment')])
  const trust = pod!.volumes?.find(({ name }) => name === 'sidecar-database-0')
  t.is(trust?.secret?.secretName, 'db-ca')
  t.deepEqual(pod!.containers[0]?.['env'], [
    { name: 'OKAPI_URL', value: 'http://localhost:9130' },
    { name: 'DB_HOST', value: '127.0.0.1' },
    { name: 'DB_PORT', value: '5432' },
  ])
})

withHelm('an edge module keeps its own port and has none of the sidecar’s', async (t) => {
  const things = await render(MATRIX['an edge module']!)
  t.false(things.some(({ kind }) => kind === 'Service'))
  const { ingress } = only(things, 'NetworkPolicy').spec as {
    ingress: { ports: { port: number }[] }[]
  }
  t.deepEqual(
    ingress.flatMap(({ ports }) => ports.map(({ port }) => port)),
    [9901, 8081],
  )
})

withHelm('values that change the sidecar’s configuration change the pod', async (t) => {
  const annotation = async (values: Values) => {
    const { spec } = only(await render(values), 'Deployment')
    const { template } = spec as { template: { metadata: Thing['metadata'] } }
    return template.metadata.annotations?.['okapi-sidecar/config']
  }
  const before = await annotation(MODULE)
  t.regex(before ?? '', /^[0-9a-f]{16}$/)
  t.is(
    await annotation({ ...MODULE, policy: { packed: '{"other":1}' } }),
    before,
    'read again as it runs',
  )
  t.not(await annotation({ ...MODULE, config: { log: { level: 'debug' } } }), before)
})
