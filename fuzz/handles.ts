import fc from 'fast-check'
import { KnownCallers } from '../src/proxy/known-callers.ts'
import {
  exchangeMemory,
  HANDLE_BYTES,
  MALFORMED,
  NOT_OPEN,
  OpenExchanges,
} from '../src/proxy/open-exchanges.ts'
import { HeadWriter } from '../src/wire/head-writer.ts'

const SLOTS = 8
const DIGITS = [...'0123456789abcdef']
const known = new KnownCallers()
const out = new HeadWriter()

/** Opens and closes exchanges by turns, and asks for handles in between. */
const steps = fc.array(
  fc.record({
    open: fc.boolean(),
    at: fc.nat(SLOTS - 1),
    thread: fc.nat(1),
    target: fc.string({ unit: 'binary-ascii', maxLength: 60 }),
    tenant: fc.string({ unit: fc.constantFrom(...DIGITS), maxLength: 30 }),
  }),
  { maxLength: 40 },
)

/** What is asked for beside handles that were given: near to one, or anything. */
const changes = fc.oneof(
  fc.record({
    at: fc.nat(HANDLE_BYTES - 1),
    to: fc.oneof(fc.constantFrom(...DIGITS), fc.string({ unit: 'binary', maxLength: 2 })),
  }),
  fc.record({ whole: fc.string({ unit: fc.constantFrom(...DIGITS), maxLength: 45 }) }),
  fc.record({ whole: fc.string({ unit: 'binary', maxLength: 45 }) }),
  fc.record({ upper: fc.constant(true) }),
)

interface Given {
  readonly handle: string
  readonly slot: number
  readonly target: string
  readonly tenant: string
  open: boolean
}

/** Says what went wrong, or null: a handle is found exactly as long as its exchange is open, by all threads. */
function played(script: readonly Step[], asked: readonly Change[]): string | null {
  const memory = exchangeMemory(2 * SLOTS)
  const threads = [0, SLOTS].map((from) => new OpenExchanges({ memory, from, to: from + SLOTS }))
  const given: Given[] = []
  for (const { open, at, thread, target, tenant } of script) {
    const exchanges = threads[thread]!
    if (open) {
      const bytes = Buffer.from(target)
      const caller = known.named('mod-a-1.0.0')!
      const place = { bytes, start: 0, end: bytes.length, method: 0, invoked: false }
      const slot = exchanges.begin({ caller, tenant, ...place })
      if (slot === -1) continue
      out.begin()
      exchanges.writeHandle(slot, out)
      const handle = out.copy().toString('latin1')
      if (given.some((other) => other.handle === handle)) return `${handle} was given twice`
      given.push({ handle, slot, target, tenant, open: true })
    } else {
      const mine = given.filter((one) => one.open && Math.floor(one.slot / SLOTS) === thread)
      const one = mine[at % Math.max(mine.length, 1)]
      if (one === undefined) continue
      exchanges.close(one.slot)
      one.open = false
    }
    const wrong = threads.flatMap((each) => given.map((one) => misread(each, one))).find(Boolean)
    if (wrong) return wrong
  }
  const forged = asked.flatMap((change) => given.map(({ handle }) => changed(handle, change)))
  const alive = new Map(given.filter(({ open }) => open).map((one) => [one.handle, one.slot]))
  for (const spelled of forged) {
    const bytes = Buffer.from(spelled, 'latin1')
    // What stands in a head are bytes: a letter beyond Latin-1 is another one there.
    const text = bytes.toString('latin1')
    const found = threads[0]!.find(bytes, 0, bytes.length)
    const shape = /^[0-9a-f]{38}$/.test(text) ? NOT_OPEN : MALFORMED
    const right = alive.get(text) ?? shape
    if (found !== right) return `${JSON.stringify(text)}: ${found}, not ${right}`
  }
  return null
}

function misread(exchanges: OpenExchanges, { handle, slot, target, tenant, open }: Given) {
  const bytes = Buffer.from(`x${handle}x`, 'latin1')
  const found = exchanges.find(bytes, 1, bytes.length - 1)
  if (found !== (open ? slot : NOT_OPEN)) return `${handle}: ${found}, and it is open: ${open}`
  if (!open) return null
  const [path, name] = [Buffer.from(target), Buffer.from(tenant)]
  const longer = Buffer.concat([path, Buffer.from('a')])
  const fits =
    exchanges.isTarget(slot, path, 0, path.length) && exchanges.isTenant(slot, name, 0, name.length)
  if (!fits) return `${handle}: another target or tenant than ${target} and ${tenant}`
  if (exchanges.isTarget(slot, longer, 0, longer.length)) return `${handle}: a longer target`
  return exchanges.stillOpen(slot) ? null : `${handle} is not open any more`
}

function changed(handle: string, change: Change): string {
  if ('whole' in change) return change.whole
  if ('upper' in change) return handle.toUpperCase()
  return `${handle.slice(0, change.at)}${change.to}${handle.slice(change.at + 1)}`
}

type Step = typeof steps extends fc.Arbitrary<(infer S)[]> ? S : never
type Change = typeof changes extends fc.Arbitrary<infer C> ? C : never

/** Handles of exchanges: what is tried, and how often in a round. */
export const HANDLE_TRIALS = {
  handles: [
    400,
    fc.property(steps, fc.array(changes, { maxLength: 6 }), (script, asked) => {
      const wrong = played(script, asked)
      if (wrong !== null) throw new Error(wrong)
    }),
  ],
} as const
