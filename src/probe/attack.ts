import type { Context } from './context.ts'
import type { AttackFinding } from './finding.ts'

/** The groups of attacks by what they target, in the order of the report. */
export const GROUPS = {
  tls: 'the handshake',
  policy: 'identity and policy',
  target: 'tricks with the request target',
  headers: 'header lines',
  framing: 'smuggling and framing',
  tenants: 'tenants and tokens',
  link: 'the link between sidecars',
  around: 'around the sidecar',
  database: 'the database',
  kafka: 'Kafka',
} as const

/** One of the groups of attacks. */
export type Group = keyof typeof GROUPS

/** What an attack needs before it can be tried. */
export type Need =
  | 'credentials'
  | 'authority'
  | 'revocation'
  | 'mismatch'
  | 'closed'
  | 'colluding-module'
  | 'impostor'
  | 'identity'
  | 'user-token'
  | 'module-token'
  | 'old-token'
  | 'database'
  | 'database-server'
  | 'kafka'
  | 'kafka-broker'

/** One attack, with its own bytes and verdict. Most are rows of the tables under `attacks/`. */
export interface Attack {
  /** Kebab-case and stable, because reports are compared by it. */
  readonly id: string
  readonly group: Group
  /** What is tried, for a table cell: a noun phrase of at most 39 characters. */
  readonly title: string
  /** The consequence if it got through, for a manager. */
  readonly meaning: string
  /** How the verdict is found, for a tester. */
  readonly judged: string
  /** What to do if it got through, for an operator. */
  readonly remedy: string
  readonly needs?: readonly Need[]
  /** It waits on purpose, and starts before the others. */
  readonly slow?: true
  /** The kind of target that it applies to; both if omitted. */
  readonly against?: 'module' | 'okapi'
  /** Never throws because of what a target does; may throw because of our own bugs. */
  run(context: Context): Promise<AttackFinding>
}

/** The needs that this context fulfils. */
export function atHand({
  credentials,
  authority,
  mismatch,
  closedPath,
  colludingModule,
  impostor,
  trust,
  expect,
  database,
  kafka,
  harvested,
}: Context): ReadonlySet<Need> {
  const known: readonly (readonly [Need, boolean])[] = [
    ['credentials', credentials !== undefined],
    ['authority', authority !== undefined],
    ['revocation', authority?.revokedSerial !== undefined],
    ['mismatch', mismatch !== undefined],
    ['closed', closedPath !== undefined],
    ['colluding-module', colludingModule !== undefined],
    ['impostor', impostor !== undefined && credentials !== undefined],
    ['user-token', harvested?.user !== undefined],
    ['module-token', harvested?.module !== undefined],
    ['old-token', harvested?.old !== undefined],
    ['database', database !== undefined],
    ['database-server', database?.server !== undefined],
    ['kafka', kafka !== undefined],
    ['kafka-broker', kafka?.broker !== undefined],
    ['identity', trust !== undefined || expect !== undefined],
  ]
  return new Set(known.flatMap(([need, there]) => (there ? [need] : [])))
}

/** Are the needs of this attack fulfilled, and does it apply to this target? */
export function applies({ needs = [], against }: Attack, context: Context): boolean {
  const have = atHand(context)
  return needs.every((need) => have.has(need)) && (against ?? context.role) === context.role
}
