import { stringify } from 'yaml'
import { type InstallationPlan, type InstalledMember, MODULE_PORTS, PLACES } from './members.ts'

/** The platform of an installation. */
export const PLATFORMS = ['compose', 'systemd', 'helm', 'loopback'] as const
export type Platform = (typeof PLATFORMS)[number]

/** The addresses of one sidecar. */
export interface SidecarLayout {
  /** The address for mutual TLS, where the others reach it. */
  readonly ingress: string
  readonly listen: string
  /** Where the module listens, plain. */
  readonly forward: string
  readonly egress: string
  readonly admin: string
  readonly status: string
  /** For browsers; on loopback with the certificate of Okapi itself. */
  readonly public?: string
  readonly dns: readonly string[]
  readonly ips: readonly string[]
}

/** The parameters from which all addresses of an installation follow. */
export interface LayoutOptions {
  readonly platform: Platform
  readonly firstPort: number
  /** On loopback: where Okapi itself listens. */
  readonly okapiPort: number
}

/** On loopback each kind of port has its own block after the ports of Okapi's sidecar. */
const BLOCKS = ['modules', 'module', 'ingress', 'egress', 'admin', 'status', 'okapi'] as const
/** The bridge of deploy/systemd/netns: .1 is the bridge itself, .10 Okapi. */
const NETWORK = '10.200.0'

/** The addresses of one member. */
export function layoutOf(member: InstalledMember, options: LayoutOptions): SidecarLayout {
  const { platform } = options
  if (platform === 'loopback') return onLoopback(member, options)
  const name = member.role === 'okapi' ? 'okapi' : member.product
  const address = bridgeAddress(member)
  const onBridge = platform === 'systemd'
  return {
    ingress: `https://${onBridge ? address : name}:8443`,
    listen: '0.0.0.0:8443',
    forward: `http://127.0.0.1:${member.modulePort}`,
    egress: '127.0.0.1:9130',
    admin: '0.0.0.0:9901',
    status: '127.0.0.1:9902',
    dns: [name],
    ips: onBridge ? [address] : [],
  }
}

/** The address of a member's network namespace (deploy/systemd). */
export function bridgeAddress({ role, place }: InstalledMember): string {
  return `${NETWORK}.${role === 'okapi' ? 10 : 11 + place}`
}

function onLoopback(
  { role, place }: InstalledMember,
  { firstPort, okapiPort }: LayoutOptions,
): SidecarLayout {
  const port = (kind: (typeof BLOCKS)[number], i: number) => {
    const block = (name: (typeof BLOCKS)[number]) => firstPort + BLOCKS.indexOf(name) * PLACES
    return role === 'okapi' ? block('okapi') + i : block(kind) + place
  }
  const at = (kind: (typeof BLOCKS)[number], i: number) => `127.0.0.1:${port(kind, i)}`
  return {
    ingress: `https://${at('ingress', 0)}`,
    listen: at('ingress', 0),
    forward: `http://127.0.0.1:${role === 'okapi' ? okapiPort : port('module', 0)}`,
    egress: at('egress', 3),
    admin: at('admin', 1),
    status: at('status', 2),
    ...(role === 'okapi' ? { public: at('okapi', 3) } : {}),
    dns: ['localhost'],
    ips: ['127.0.0.1'],
  }
}

/** The one file of grants of an installation: every sidecar reads it. */
export const GRANTS_FILE = 'grants.yaml'

/** The path of a sidecar's configuration in the folder; systemd's unit needs a folder for each. */
export function sidecarFile({ id }: InstalledMember, platform: Platform): string {
  return platform === 'systemd' ? `${id}/sidecar.yaml` : `sidecars/${id}.yaml`
}

/** The descriptors that a member's sidecar needs, packed. */
export function packedFile({ id }: InstalledMember): string {
  return `policy/${id}.json`
}

/** `ca/mod-users-19.7.0`. */
export function credentialsFolder(name: string): string {
  return `ca/${name}`
}

/** The configuration of a member's sidecar. All paths are relative to the file, so that the folder can be moved. */
export function sidecarText(
  member: InstalledMember,
  plan: InstallationPlan,
  trustDomain: string,
  options: LayoutOptions,
): string {
  const { platform, firstPort } = options
  const own = layoutOf(member, options)
  const okapi = layoutOf(plan.okapi, options)
  const { role, id, knownGrants } = member
  const to = firstPort + MODULE_PORTS - 1
  const document = {
    module: id,
    trustDomain,
    credentials: { directory: `../${credentialsFolder(id)}` },
    ...(role === 'edge' ? {} : { ingress: { listen: own.listen, forward: own.forward } }),
    egress:
      role === 'okapi'
        ? { modules: { listen: `127.0.0.1:${firstPort}-${to}`, address: addresses(plan, options) } }
        : {
            listen: own.egress,
            ...(platform === 'loopback' ? { url: `http://${own.egress}` } : {}),
            gateway: okapi.ingress,
          },
    ...(own.public === undefined
      ? {}
      : {
          public: { listen: own.public, credentials: { directory: `../${credentialsFolder(id)}` } },
        }),
    policy: {
      descriptors: `../${packedFile(member)}`,
      grants: `../${GRANTS_FILE}`,
      ...(knownGrants.length === 0 ? {} : { knownGrants }),
    },
    admin: { listen: own.admin },
    status: { listen: own.status },
  }
  const what = role === 'okapi' ? 'Okapi' : id
  const head = `# The sidecar of ${what}, written by okapi-sidecar init.
# Every key and its default: okapi-sidecar check -c FILE --print
`
  return `${head}${stringify(document, { lineWidth: 0 })}`
}

/** The addresses of the others for Okapi's sidecar. */
function addresses(plan: InstallationPlan, options: LayoutOptions): string | object {
  if (options.platform === 'compose' || options.platform === 'helm') return 'https://{product}:8443'
  const called = plan.members.filter(({ role }) => role === 'module')
  return Object.fromEntries(called.map((member) => [member.id, layoutOf(member, options).ingress]))
}

/** The first grants: what the operators may do. Afterwards the operators maintain the file. */
export function grantsText(operators: readonly string[], until: string): string {
  const grants = operators.flatMap((name) => [
    {
      ...{ caller: `operator/${name}`, at: 'okapi', profile: 'bootstrap', until },
      why: 'sets the installation up',
    },
    { caller: `operator/${name}`, at: 'okapi', profile: 'daily', why: 'administers it' },
  ])
  return `# The grants of all sidecars: each takes what is about itself. It is yours; init does not change it again.
# Take the profile bootstrap out when Okapi is locked.
${stringify(grants, { lineWidth: 0 })}`
}
