import { fault } from '../fault.ts'
import type { Attack } from './attack.ts'
import { AROUND_ATTACKS } from './attacks/around.ts'
import { DATABASE_ATTACKS } from './attacks/database.ts'
import { FRAMING_ATTACKS } from './attacks/framing.ts'
import { HEADER_ATTACKS } from './attacks/headers.ts'
import { KAFKA_ATTACKS } from './attacks/kafka.ts'
import { LINK_ATTACKS } from './attacks/link.ts'
import { LINK_ANSWER_ATTACKS } from './attacks/link-answer.ts'
import { POLICY_ATTACKS } from './attacks/policy.ts'
import { TARGET_ATTACKS } from './attacks/target.ts'
import { TENANT_ATTACKS } from './attacks/tenants.ts'
import { TLS_ATTACKS } from './attacks/tls.ts'
import { TOKEN_ATTACKS } from './attacks/tokens.ts'

/** All attacks in the order of the report: by group, then by id. */
export const ATTACKS: readonly Attack[] = [
  TLS_ATTACKS,
  POLICY_ATTACKS,
  TARGET_ATTACKS,
  HEADER_ATTACKS,
  FRAMING_ATTACKS,
  [...TENANT_ATTACKS, ...TOKEN_ATTACKS],
  [...LINK_ATTACKS, ...LINK_ANSWER_ATTACKS],
  AROUND_ATTACKS,
  DATABASE_ATTACKS,
  KAFKA_ATTACKS,
].flatMap((group) => group.toSorted(byId))

/** Order by bytes, a prefix before longer ids: reports are compared in this order. */
function byId(a: Attack, b: Attack): number {
  return `${a.id}.` < `${b.id}.` ? -1 : 1
}

/** The attack with this id. Throws an Error if there is none: ids in the program are constants. */
export function attackById(id: string): Attack {
  const attack = ATTACKS.find((one) => one.id === id)
  if (attack === undefined) throw new Error(`there is no attack ${id}`)
  return attack
}

/** The attacks by id or group, as --only and --skip name them. Throws a Fault for unknown names. */
export function selectAttacks(only: readonly string[], skip: readonly string[]): readonly Attack[] {
  const names = new Set(ATTACKS.flatMap(({ id, group }) => [id, group]))
  const unknown = [...only, ...skip].find((name) => !names.has(name))
  if (unknown !== undefined) {
    throw fault(`there is no attack and no group \`${unknown}\``, {
      hint: 'okapi-sidecar probe --list shows them all',
    })
  }
  const named = (list: readonly string[], { id, group }: Attack) =>
    list.includes(id) || list.includes(group)
  return ATTACKS.filter(
    (attack) => (only.length === 0 || named(only, attack)) && !named(skip, attack),
  )
}
