import { stringify } from 'yaml'
import type { RuleSource } from '../../policy/rule-source.ts'
import { wantedFor } from '../discovery/instances.ts'
import type { StartFile } from './changes.ts'
import { type InstallationPlan, type InstalledMember, MODULE_PORTS } from './members.ts'
import {
  bridgeAddress,
  credentialsFolder,
  GRANTS_FILE,
  type LayoutOptions,
  layoutOf,
  packedFile,
  sidecarFile,
} from './sidecar-file.ts'

const READABLE = 0o644
/** Values are written in full: no wrapped lines and no YAML anchors. */
const YAML = { lineWidth: 0, aliasDuplicateObjects: false }
const EXECUTABLE = 0o755
const SHELL = `#!/bin/sh
# Written by okapi-sidecar init.
cd "$(dirname "$0")" || exit 2
`

/** The entries for Okapi's discovery: the bodies of `POST /_/discovery/modules`. */
export function discoveryText({ members }: InstallationPlan): string {
  const called = members.filter(({ role }) => role === 'module')
  const entries = called.map(({ id, okapiPort }) => wantedFor(id, '127.0.0.1', okapiPort))
  return `${JSON.stringify(entries, null, 2)}\n`
}

/** The files to start the sidecars on this platform. `grants`: the content of grants.yaml, for Okapi's values in a chart. */
export function startFiles(
  plan: InstallationPlan,
  options: LayoutOptions,
  { trustDomain, grants }: { readonly trustDomain: string; readonly grants: readonly RuleSource[] },
): readonly StartFile[] {
  const all = [plan.okapi, ...plan.members]
  const start = (commands: readonly string[]): StartFile => ({
    path: 'start',
    text: `${SHELL}set -e\n${commands.map((command) => `${command}\n`).join('')}`,
    mode: EXECUTABLE,
  })
  switch (options.platform) {
    case 'compose':
      return [
        { path: 'compose.yaml', text: composeText(all), mode: READABLE },
        start(['SIDECAR_USER=$(id -u) docker compose up -d']),
      ]
    case 'systemd':
      return [
        ...all.map((member) => ({
          path: `${member.id}/netns.env`,
          text: `ADDRESS=${bridgeAddress(member)}/24\nGATEWAY=10.200.0.1/24\n`,
          mode: READABLE,
        })),
        start(all.map(({ id }) => `systemctl enable --now okapi-sidecar@${id}`)),
      ]
    case 'helm':
      return [
        { path: 'cert-manager.yaml', text: certManagerText(trustDomain), mode: READABLE },
        ...all.map((member) => ({
          path: `values/${member.id}.yaml`,
          text: valuesText(member, trustDomain, grants),
          mode: READABLE,
        })),
        start([
          'kubectl apply -f cert-manager.yaml',
          ...all.map(
            (member) =>
              `helm upgrade --install ${nameOf(member, all)} "\${CHART:-okapi-sidecar}" -f values/${member.id}.yaml --set-file policy.packed=${packedFile(member)}`,
          ),
        ]),
      ]
    case 'loopback':
      return [{ path: 'start', text: startText(all), mode: EXECUTABLE }]
  }
}

/** The next steps for the user. */
export function nextSteps(
  plan: InstallationPlan,
  options: LayoutOptions,
  operators: readonly string[],
): readonly string[] {
  const { platform } = options
  const okapi = layoutOf(plan.okapi, options)
  const anna = operators[0] ?? 'NAME'
  const folder =
    platform === 'systemd'
      ? ['copy this folder to /etc/okapi-sidecar, its keys owned by the user okapi-sidecar']
      : []
  const credentials = platform === 'helm' ? 'DIR-OF-ANNA' : credentialsFolder(`operator/${anna}`)
  const { firstPort } = options
  const last = firstPort + MODULE_PORTS - 1
  const range = firstPort === 20_000 ? '' : ` --modules-listen 127.0.0.1:${firstPort}-${last}`
  return [
    ...folder,
    './start',
    `okapi-sidecar discovery --okapi ${okapi.ingress} --credentials ${credentials} --descriptors descriptors${range} --apply`,
  ]
}

/** The tasks that are left to the user. */
export function leftToPeople(
  plan: InstallationPlan,
  { platform }: LayoutOptions,
): readonly string[] {
  const ca =
    'the CA in ca/ is for a first day: for more use cert-manager, SPIFFE or your own (docs/rotate.md)'
  const renew = 'certificates live 7 days: okapi-sidecar certs agent --dir ca --all renews them'
  const images =
    'images, ports, databases and their passwords: images follow from the ids, ports from launchDescriptor'
  const loopback =
    'on loopback every process of this machine can reach every module: only for trying out'
  return [
    ...(platform === 'helm'
      ? [
          'credentials of the operators: a Certificate for spiffe://.../operator/NAME, or your own CA',
        ]
      : [ca, renew]),
    ...(platform === 'compose' || platform === 'helm' ? [images] : []),
    ...(platform === 'systemd'
      ? ['the units of the modules themselves (deploy/systemd/module.conf)']
      : []),
    ...(platform === 'loopback' ? [loopback] : []),
    platform === 'loopback'
      ? '`public` beside Okapi shows a certificate of ca/: browsers need one that they trust'
      : 'for browsers: `public` beside Okapi, with a certificate that they trust (examples/okapi.yaml)',
    'take the grant of the profile bootstrap out of grants.yaml when Okapi is locked',
    ...(plan.members.some(({ knownGrants }) => knownGrants.length > 0)
      ? [
          'look at what knownGrants opens in each configuration: grants/known.yaml of okapi-sidecar says why',
        ]
      : []),
    ...(plan.without.length > 0 ? [`these get no sidecar: ${plan.without.join(', ')}`] : []),
  ]
}

/** The product, if only one version of it is installed. */
function nameOf({ id, product }: InstalledMember, all: readonly InstalledMember[]): string {
  const versions = all.filter((member) => member.product === product).length
  return versions === 1 ? product : id.replaceAll('.', '-').toLowerCase()
}

function composeText(all: readonly InstalledMember[]): string {
  const sidecar = {
    image: 'okapi-sidecar',
    user: `\${SIDECAR_USER:-65532}`,
    read_only: true,
    cap_drop: ['ALL'],
    security_opt: ['no-new-privileges:true'],
    mem_limit: '128m',
    restart: 'unless-stopped',
    stop_grace_period: '30s',
  }
  const services = all.flatMap((member) => {
    const { id, role } = member
    const name = nameOf(member, all)
    const file = sidecarFile(member, 'compose')
    const mounts = [file, packedFile(member), GRANTS_FILE, credentialsFolder(id)]
    const okapi = role === 'okapi' ? {} : { environment: { OKAPI_URL: 'http://localhost:9130' } }
    return [
      [
        `${name}-sidecar`,
        {
          ...sidecar,
          command: ['run', '-c', `/installation/${file}`],
          networks: { folio: { aliases: [role === 'okapi' ? 'okapi' : member.product] } },
          volumes: mounts.map((path) => `./${path}:/installation/${path}:ro`),
        },
      ],
      [
        name,
        {
          image: role === 'okapi' ? `folioorg/${id.replace('-', ':')}` : member.image,
          network_mode: `service:${name}-sidecar`,
          depends_on: { [`${name}-sidecar`]: { condition: 'service_healthy' } },
          ...okapi,
        },
      ],
    ] as const
  })
  return `# Written by okapi-sidecar init. Keys are readable by their owner alone: SIDECAR_USER is the user that made them.
# Databases, and what modules need of their own, go into a compose.override.yaml.
${stringify({ services: Object.fromEntries(services), networks: { folio: {} } }, YAML)}`
}

function startText(all: readonly InstalledMember[]): string {
  const files = all.map((member) => sidecarFile(member, 'loopback'))
  return `${SHELL}# Starts every sidecar, and stops all of them when it is stopped.
program=\${OKAPI_SIDECAR:-okapi-sidecar}
if ! command -v \${program%% *} > /dev/null; then
  echo "there is no $program in PATH: add its folder, or set OKAPI_SIDECAR" >&2
  exit 2
fi
pids=
trap 'kill $pids; wait; exit' INT TERM
for file in \\
${files.map((file) => `  ${file}`).join(' \\\n')}
do
  $program run -c "$file" >> "$file.log" 2>&1 &
  pids="$pids $!"
done
echo '${files.length} sidecars started; each has a log: ${files[0]}.log and so on'
wait
echo 'every sidecar has ended: the logs say why' >&2
exit 1
`
}

/** A new root and an issuer that signs with it, in one namespace. */
function certManagerText(trustDomain: string): string {
  const meta = (kind: string, name: string, spec: object) => ({
    apiVersion: 'cert-manager.io/v1',
    kind,
    metadata: { name },
    spec,
  })
  const documents = [
    meta('Issuer', 'folio-self-signed', { selfSigned: {} }),
    meta('Certificate', 'folio-root', {
      isCA: true,
      commonName: `FOLIO ${trustDomain}`,
      secretName: 'folio-root',
      duration: '8760h',
      privateKey: { algorithm: 'ECDSA', size: 256 },
      issuerRef: { name: 'folio-self-signed', kind: 'Issuer' },
    }),
    meta('Issuer', 'folio', { ca: { secretName: 'folio-root' } }),
  ]
  const texts = documents.map((document) => stringify(document, YAML))
  return `# Written by okapi-sidecar init: what signs the certificates that values/ ask for.\n${texts.join('---\n')}`
}

function valuesText(
  { id, role, image, modulePort, knownGrants }: InstalledMember,
  trustDomain: string,
  grants: readonly RuleSource[],
): string {
  const own = role === 'okapi' ? `folioorg/${id.replace('-', ':')}` : image
  const values = {
    module: id,
    trustDomain,
    credentials: {
      from: 'certManager',
      certManager: { issuer: { name: 'folio', kind: 'Issuer' } },
    },
    config: {
      policy: {
        grants: grants.map(({ value }) => value),
        ...(knownGrants.length === 0 ? {} : { knownGrants }),
      },
    },
    workload: { image: own, port: modulePort },
  }
  return `# Written by okapi-sidecar init from grants.yaml and the descriptors.\n${stringify(values, YAML)}`
}
