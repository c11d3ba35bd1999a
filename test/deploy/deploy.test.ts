import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { parse } from 'yaml'
import { loadConfig } from '../../src/config/load.ts'
import { runTool, withTool } from '../support/scenario/tools.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const SYSTEMD = join(ROOT, 'deploy/systemd')

interface Service {
  readonly command: readonly string[]
  readonly user: string
  readonly read_only: boolean
  readonly cap_drop: readonly string[]
  readonly security_opt: readonly string[]
  readonly ports?: readonly string[]
  readonly networks?: unknown
  readonly network_mode?: string
  readonly volumes?: readonly string[]
  readonly stop_grace_period: string
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
}

const compose: { readonly services: Readonly<Record<string, Service>> } = parse(
  readFileSync(join(ROOT, 'compose.yaml'), 'utf8'),
  { merge: true },
)
const services = Object.entries(compose.services)
const isSidecar = ([name]: readonly [string, Service]) => name.endsWith('-sidecar')

test('a module has the network of its own sidecar and no other', (t) => {
  const modules = services.filter((each) => !isSidecar(each))
  t.is(modules.length, 3)
  for (const [name, { network_mode, networks, ports, depends_on }] of modules) {
    t.is(network_mode, `service:${name}-sidecar`)
    t.is(networks, undefined)
    t.is(ports, undefined)
    t.is(depends_on?.[`${name}-sidecar`]?.condition, 'service_healthy')
  }
})

test('no container in it may do more than it needs', (t) => {
  for (const [name, service] of services) {
    t.true(service.read_only, name)
    t.deepEqual(service.cap_drop, ['ALL'], name)
    t.deepEqual(service.security_opt, ['no-new-privileges:true'], name)
    t.is(service.ports, undefined, name)
    t.is(service.user === '1000', !name.endsWith('-sidecar'), name)
  }
})

for (const [name, { volumes = [] }] of services.filter(isSidecar)) {
  test(`the configuration of ${name} holds`, (t) => {
    const [file] = volumes.flatMap(
      (volume) => /^(.*):\/etc\/sidecar\/sidecar\.yaml:ro$/.exec(volume)?.[1] ?? [],
    )
    const { config, problems } = loadConfig(join(ROOT, file!), {})
    t.deepEqual(problems, [])
    t.true(volumes.includes(`./certs-dev/${config.module.id}:/certs:ro`))
    t.is(config.policy.descriptors, '/app/src/demo/descriptors')
  })
}

withTool('systemd-analyze')('systemd takes the units', async (t) => {
  const units = readdirSync(SYSTEMD).filter((name) => name.endsWith('.service'))
  t.true(units.length > 1)
  for (const unit of units) {
    const instance = join(SYSTEMD, unit)
    const { out, err } = await runTool('systemd-analyze', ['verify', '--man=no', instance])
    // What it says of programs and files that only an installation has is not about the unit.
    const said = (out + err).split('\n').filter((line) => {
      return (
        line.includes(unit.replace('@.service', '')) && !/No such file|is not executable/.test(line)
      )
    })
    t.deepEqual(said, [])
  }
})

test('callers are sent elsewhere before the module stops, and its sidecar stops last', (t) => {
  const read = (name: string) => readFileSync(join(SYSTEMD, name), 'utf8')
  const leave = read('okapi-sidecar-leave@.service')
  // What is ordered after another is stopped before it (systemd.unit(5)).
  t.true(leave.includes('After=okapi-sidecar@%i.service %i.service\n'))
  t.true(leave.includes('PartOf=okapi-sidecar@%i.service\n'))
  t.true(read('okapi-sidecar@.service').includes('Wants=okapi-sidecar-leave@%i.service\n'))
  t.true(read('module.conf').includes('After=okapi-sidecar@mod-users.service\n'))
  for (const [name, { stop_grace_period }] of services) {
    const least = name.endsWith('-sidecar') ? 25 : 1
    t.true(Number.parseInt(stop_grace_period, 10) > least, name)
  }
})

test('the sidecar’s unit is in the namespace of its module', (t) => {
  const sidecar = readFileSync(join(SYSTEMD, 'okapi-sidecar@.service'), 'utf8')
  const module = readFileSync(join(SYSTEMD, 'module.conf'), 'utf8')
  t.true(sidecar.includes('NetworkNamespacePath=/run/netns/folio-%i\n'))
  t.true(module.includes('NetworkNamespacePath=/run/netns/folio-mod-users\n'))
  for (const text of [sidecar, module]) {
    t.true(text.includes('NoNewPrivileges=yes\n'))
    t.true(text.includes('CapabilityBoundingSet=\n'))
  }
})
