import type { Context } from './context.ts'
import type { AttackFinding } from './finding.ts'

/** What an attack goes for; the report is ordered by these. */
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

/** What must be at hand before an attack can be tried at all. */
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

/** One attack: its own bytes, its own verdict. Most are rows of the tables under `attacks/`. */
export interface Attack {
  /** Kebab-case and stable: reports are compared by it. */
  readonly id: string
  readonly group: Group
  /** What is tried, as a table's cell: a noun phrase of at most 39 characters. */
  readonly title: string
  /** What it would mean if it got through, for a manager. */
  readonly meaning: string
  /** What the verdict is read from, for a tester. */
  readonly judged: string
  /** What to do when it got through, for an operator. */
  readonly remedy: string
  readonly needs?: readonly Need[]
  /** It waits on purpose, and is begun before the others. */
  readonly slow?: true
  /** The kind of target that it means something for; without it, both. */
  readonly against?: 'module' | 'okapi'
  /** Never throws for anything that a target does; may throw for our own mistakes. */
  run(context: Context): Promise<AttackFinding>
}

/** What is at hand, as the attacks name it. */
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

/** Can this attack be tried with what is at hand, and does it mean something for this target? */
export function applies({ needs = [], against }: Attack, context: Context): boolean {
  const have = atHand(context)
  return needs.every((need) => have.has(need)) && (against ?? context.role) === context.role
}
