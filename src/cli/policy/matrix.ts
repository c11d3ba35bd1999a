import { parseArgs } from 'node:util'
import { blastRadius } from '../../analysis/blast-radius.ts'
import { filterOpenings } from '../../analysis/matrix.ts'
import { reachOf } from '../../analysis/reach.ts'
import { fault } from '../../fault.ts'
import { isOkapi, productOf } from '../../folio/module-id.ts'
import { trustedIn } from '../../policy/descriptor-trust.ts'
import { type DescriptorSet, nearestModule } from '../../policy/descriptors.ts'
import type { Policy } from '../../policy/policy.ts'
import { progress } from '../terminal.ts'
import { writePage } from '../write.ts'
import { blastJson, blastText } from './blast-text.ts'
import { matrixPage } from './matrix-page.ts'
import { type Headline, matrixCsv, matrixJson, matrixText } from './matrix-text.ts'
import { installationOf, resolveModule } from './sources.ts'

/** Prints who may call what. Throws a Fault for wrong usage. */
export async function run(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      config: { type: 'string', short: 'c' },
      descriptors: { type: 'string' },
      grants: { type: 'string' },
      caller: { type: 'string' },
      provider: { type: 'string' },
      interface: { type: 'string' },
      'blast-radius': { type: 'string' },
      json: { type: 'boolean', default: false },
      csv: { type: 'boolean', default: false },
      html: { type: 'string' },
    },
  })
  const { json, csv, html, 'blast-radius': hijacked } = values
  const forms = [json, csv, html !== undefined].filter(Boolean).length
  if (forms > 1) throw fault('--json, --csv and --html: one of them')
  const installation = installationOf(values)
  const { policy, set, grants, mode, migration, plain } = installation
  progress(`asking the policy about ${set.modules.size} modules`)
  const all = reachOf(installation)
  progress('')
  if (hijacked !== undefined) {
    if (csv || html !== undefined) throw fault('--blast-radius prints text or --json')
    const module = resolveModule('--blast-radius', hijacked, set)
    const radius = blastRadius(all, module, set, policy.callerMode, tenantsOf(policy, module))
    process.stdout.write(json ? blastJson(radius) : blastText(radius))
    return 0
  }
  const ids = [...set.modules.keys()]
  selects('caller', values.caller, [...ids, ...OTHERS, ...all.map(({ caller }) => caller)])
  selects('provider', values.provider, [...ids, ...all.map(({ provider }) => provider)])
  const interfaces = all.flatMap((one) => [one.interface?.id ?? '', one.pathPattern])
  selects('interface', values.interface, [...interfaces, ...providedBy(set)])
  const openings = filterOpenings(all, values)
  const headline: Headline = {
    modules: set.modules.size,
    grants: grants.filter(({ file }) => file !== null).length,
    mode,
    hash: policy.hash,
    // Unusual facts are reported for every question.
    trusted: trustedIn(set).filter(
      ({ module, usual }) => !usual || module.includes(values.caller ?? ''),
    ),
    plain: migration && { at: plain?.at ?? null, ...migration },
    tenants: ids
      .filter((id) => !isOkapi(id) && id.includes(values.caller ?? ''))
      .map((id) => ({ caller: id, reach: tenantsOf(policy, id) })),
  }
  if (html !== undefined) {
    const page = matrixPage(openings, headline)
    writePage(html, page)
    process.stdout.write(`${html}: ${page.length} bytes, open it in a browser\n`)
  } else if (csv) process.stdout.write(matrixCsv(openings))
  else process.stdout.write(json ? matrixJson(openings, headline) : matrixText(openings, headline))
  return 0
}

/** Callers that are not modules and may be asked about without a grant. */
const OTHERS = ['okapi', 'public', 'plain']

/** Refuses a text that is in no name: after a typing error "nothing is open" would be misleading. Throws a Fault. */
function selects(option: string, text: string | undefined, names: readonly string[]): void {
  if (text === undefined || names.some((name) => name.includes(text))) return
  const near = nearestModule(text, [...names, ...names.map(productOf)])
  throw fault(`--${option} ${text}: no ${option} has this in its name`, {
    hint: near === null ? 'names are case-sensitive' : `did you mean ${near}?`,
  })
}

function providedBy({ modules }: DescriptorSet): readonly string[] {
  return [...modules.values()].flatMap(({ descriptor }) => descriptor.provides.map(({ id }) => id))
}

/** For which tenants a module may act at Okapi. */
function tenantsOf(policy: Policy, id: string): readonly string[] {
  return policy.bind({ kind: 'module', id }, 'okapi').tenants.reach
}
