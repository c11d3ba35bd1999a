import { join } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { parseArgs } from 'node:util'
import { parse as parseYaml } from 'yaml'
import { grantsInForce } from '../analysis/installation.ts'
import { readGrants } from '../config/grants.ts'
import { readNamedText } from '../fault/text-file.ts'
import { Fault, fault } from '../fault.ts'
import {
  type DescriptorFiles,
  KNOWN_GRANTS_FILE,
  loadDescriptors,
  readDescriptorFiles,
} from '../policy/descriptor-files.ts'
import { descriptorsFor, packDescriptors } from '../policy/packed-descriptors.ts'
import type { RuleSource } from '../policy/rule-source.ts'
import { issueAll, missingCertificates, trustDomainOf } from './init/certificates.ts'
import { changesOf, changeText, leftOvers, type StartFile, writeChange } from './init/changes.ts'
import {
  type InstallationPlan,
  idsToInstall,
  planInstallation,
  portsGiven,
} from './init/members.ts'
import {
  credentialsFolder,
  GRANTS_FILE,
  grantsText,
  type LayoutOptions,
  PLATFORMS,
  packedFile,
  sidecarFile,
  sidecarText,
} from './init/sidecar-file.ts'
import { discoveryText, leftToPeople, nextSteps, startFiles } from './init/start-files.ts'
import { Okapi, tokenIn } from './okapi.ts'
import { fetchDescriptors } from './policy/fetch.ts'
import { tell } from './terminal.ts'
import { needed } from './verb.ts'

export const usage = `okapi-sidecar init: a folder with everything that an installation needs

Usage:
    okapi-sidecar init SOURCE --operator NAME... --for PLATFORM --out DIR
                       [--trust-domain DOMAIN] [--okapi-module ID] [--yes]
                       [--ports PORT] [--okapi-port PORT]

SOURCE is one of
    --descriptors DIR [--install install.json]
                           ModuleDescriptors, all or those of an install.json
    --okapi URL --tenant T [--credentials DIR] [--token-file FILE]
                           what is enabled for a tenant

Writes into DIR: descriptors/, policy/ (packed for each sidecar), a
configuration for Okapi, every module and edge module, grants.yaml, ca/ with a
certificate for each of them and for every operator, discovery.json, and what
starts the sidecars on the platform. It shows what it would change, and asks.
A second run with the same source changes nothing. Keys, certificates and
grants.yaml are never overwritten.

Options:
    --for PLATFORM         compose, systemd, helm (certificates by cert-manager)
                           or loopback (one machine, for trying out)
    --operator NAME        who administers it: gets a certificate, the profile
                           bootstrap for 7 days, and the profile daily
    --trust-domain DOMAIN  default folio.internal, or that of DIR/ca
    --okapi-module ID      okapi-7.0.3, where SOURCE has no descriptor of Okapi
    --ports PORT           the first port of Okapi's sidecar for modules
                           (20000); on loopback all others follow
    --okapi-port PORT      on loopback: where Okapi listens (9130)
    --yes                  do not ask

Exit codes: 0 written or nothing to do, 1 not confirmed, 2 wrong usage

Example:
    okapi-sidecar init --descriptors descriptors --operator anna --for compose \\
        --out folio && okapi-sidecar check folio
`

const DAY_MS = 24 * 60 * 60 * 1000
const BOOTSTRAP_MS = 7 * DAY_MS
const READABLE = 0o644

/** Writes files that are missing or differ. Resolves to 1 if the user did not confirm. */
export async function run(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      descriptors: { type: 'string' },
      install: { type: 'string' },
      okapi: { type: 'string' },
      tenant: { type: 'string' },
      credentials: { type: 'string' },
      'token-file': { type: 'string' },
      operator: { type: 'string', multiple: true, default: [] },
      for: { type: 'string' },
      out: { type: 'string' },
      'trust-domain': { type: 'string' },
      'okapi-module': { type: 'string' },
      ports: { type: 'string', default: '20000' },
      'okapi-port': { type: 'string', default: '9130' },
      yes: { type: 'boolean', default: false },
    },
  })
  const out = needed('--out', values.out, EXAMPLE)
  const platform = PLATFORMS.find((name) => name === needed('--for', values.for, EXAMPLE))
  if (platform === undefined) throw fault(`--for is one of ${PLATFORMS.join(', ')}`)
  const operators = values.operator
  if (operators.length === 0) needed('--operator', undefined, EXAMPLE)
  const odd = operators.find((name) => !/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name))
  if (odd !== undefined) throw fault(`--operator ${odd}: letters, digits and . _ - only`)
  const options: LayoutOptions = {
    platform,
    firstPort: portOf('--ports', values.ports),
    okapiPort: portOf('--okapi-port', values['okapi-port']),
  }
  const { source, okapiId } = await sourceOf(values)
  const known = readGrants({ inline: [], files: [KNOWN_GRANTS_FILE] })
  const plan = planInstallation(source, {
    wanted: values.install === undefined ? undefined : installed(values.install),
    okapiId: values['okapi-module'] ?? okapiId,
    firstPort: options.firstPort,
    taken: portsGiven(out, options.firstPort),
    known,
  })
  const trustDomain = await trustDomainOf(out, values['trust-domain'])
  const files = filesOf(plan, options, { out, operators, trustDomain, known })
  const changes = changesOf(out, files)
  const old = leftOvers(out, files)
  const certificates = platform === 'helm' ? [] : await missingCertificates(out, plan, operators)
  if (changes.length === 0 && certificates.length === 0) {
    process.stdout.write(`${out}: nothing to change\n${leftOverText(old)}`)
    return 0
  }
  for (const change of changes) process.stdout.write(changeText(change))
  for (const name of certificates) process.stdout.write(`+ ${credentialsFolder(name)}\n`)
  const count = `${plural(changes.length, 'file')} and ${plural(certificates.length, 'certificate')}`
  if (!values.yes && !(await confirmed(`Write ${count} into ${out}?`))) {
    const hint = 'look at it, and add --yes'
    tell([{ severity: 'warning', message: 'nothing was written', hint }])
    return 1
  }
  for (const change of changes) writeChange(out, change)
  if (certificates.length > 0) await issueAll(out, certificates, plan, options, trustDomain)
  told(out, plan, options, operators)
  process.stdout.write(leftOverText(old))
  return 0
}

interface Values {
  readonly descriptors?: string | undefined
  readonly okapi?: string | undefined
  readonly tenant?: string | undefined
  readonly credentials?: string | undefined
  readonly 'token-file'?: string | undefined
}

async function sourceOf(
  values: Values,
): Promise<{ source: DescriptorFiles; okapiId: string | undefined }> {
  const { descriptors, okapi: url } = values
  if ((descriptors === undefined) === (url === undefined)) {
    throw fault('init takes --descriptors DIR, or --okapi URL with --tenant', { hint: EXAMPLE })
  }
  if (descriptors !== undefined) {
    return { source: readDescriptorFiles(descriptors), okapiId: undefined }
  }
  const tenant = needed('--tenant', values.tenant, EXAMPLE)
  const okapi = await Okapi.at(url!, values.credentials, tokenIn(values['token-file']))
  try {
    const texts = await fetchDescriptors(okapi, tenant)
    const version = await okapi.version()
    const files = [...texts].map(([file, text]) => ({
      ...{ file, path: `${url}: ${file}` },
      value: JSON.parse(text),
    }))
    return { source: { path: url!, files }, okapiId: `okapi-${version}` }
  } finally {
    await okapi.close()
  }
}

const EXAMPLE =
  'okapi-sidecar init --descriptors descriptors --operator anna --for compose --out folio'

function installed(file: string): readonly string[] {
  return idsToInstall(readNamedText(file), file)
}

interface Written {
  readonly out: string
  readonly operators: readonly string[]
  readonly trustDomain: string
  readonly known: readonly RuleSource[]
}

function filesOf(
  plan: InstallationPlan,
  options: LayoutOptions,
  { out, operators, trustDomain, known }: Written,
): readonly StartFile[] {
  const until = new Date(Date.now() + BOOTSTRAP_MS).toISOString().slice(0, 10)
  const first = grantsText(operators, until)
  const grants = grantsNow(out, first)
  const all = [plan.okapi, ...plan.members]
  const { set } = loadDescriptors({
    path: join(out, 'descriptors'),
    files: [...plan.descriptors].map(([file, text]) => ({
      ...{ file, path: join(out, 'descriptors', file) },
      value: JSON.parse(text),
    })),
  })
  const readable = (path: string, text: string) => ({ path, text, mode: READABLE })
  return [
    ...[...plan.descriptors].map(([name, text]) => readable(`descriptors/${name}`, text)),
    ...all.map((member) => {
      const { id, role, knownGrants } = member
      const inForce = grantsInForce({ grants, known, knownGrants })
      const part = role === 'okapi' ? set : descriptorsFor(set, id, inForce)
      return readable(packedFile(member), `${JSON.stringify(packDescriptors(part))}\n`)
    }),
    ...(options.platform === 'helm'
      ? []
      : all.map((member) =>
          readable(
            sidecarFile(member, options.platform),
            sidecarText(member, plan, trustDomain, options),
          ),
        )),
    { ...readable(GRANTS_FILE, first), once: true },
    readable('discovery.json', discoveryText(plan)),
    ...startFiles(plan, options, { trustDomain, grants }),
  ]
}

/** The existing grants, or else those that will be written. Throws a Fault. */
function grantsNow(out: string, first: string): readonly RuleSource[] {
  const file = join(out, GRANTS_FILE)
  try {
    return readGrants({ inline: [], files: [file] })
  } catch (error) {
    const absent = error instanceof Fault && /ENOENT/.test(error.message)
    if (!absent) throw error
    const list: unknown[] = parseYaml(first)
    return list.map((value, i) => ({ value, file, pointer: `/${i}` }))
  }
}

/** A question on a terminal; elsewhere the answer is no. */
async function confirmed(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) return false
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim())
  } finally {
    terminal.close()
  }
}

function told(
  out: string,
  plan: InstallationPlan,
  options: LayoutOptions,
  operators: readonly string[],
): void {
  const list = (lines: readonly string[]) => lines.map((line) => `    ${line}\n`).join('')
  const modules = plural(plan.members.length, 'module')
  process.stdout.write(`
${out}: Okapi and ${modules}. Check it, then go on in that folder:

    okapi-sidecar check ${out}
    cd ${out}
${list(nextSteps(plan, options, operators))}
Left to you:

${list(leftToPeople(plan, options))}`)
}

function leftOverText(paths: readonly string[]): string {
  if (paths.length === 0) return ''
  const lines = paths.map((path) => `    ${path}\n`).join('')
  return `\nOf modules that are not in the source any more. Stop their sidecars and take these away:\n\n${lines}`
}

function portOf(option: string, text: string): number {
  const port = Number(text)
  if (/^\d{1,5}$/.test(text) && port > 0 && port < 64_000) return port
  throw fault(`${option} ${text}: must be a port below 64000`)
}

function plural(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}
