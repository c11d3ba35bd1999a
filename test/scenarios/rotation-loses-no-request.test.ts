import test from 'ava'
import { makeCa, moduleNames, type TestCa } from '../support/pki.ts'
import {
  Client,
  Load,
  OKAPI,
  type Proof,
  type Rotating,
  serialOf,
  startTwo,
  type Two,
  USERS,
} from '../support/rotation.ts'

/** Swaps of each of the two sidecars. */
const ROUNDS = 50

/** What is trusted at the moment, by everybody. */
interface Trust {
  readonly issuer: TestCa
  readonly roots: readonly TestCa[]
  /** Names that nobody has; each list is another one. */
  readonly lists: boolean
}

interface Change {
  readonly trust: Trust
  readonly leaf: 'new' | 'same key' | 'same'
}

test.serial(
  'key, leaf, lists and roots are replaced a hundred times under load, and no request is lost',
  async (t) => {
    t.timeout(120_000)
    const two = await startTwo(t)
    const { users, okapi } = two
    let trust: Trust = { issuer: two.ca, roots: [two.ca], lists: false }
    const loads = [
      new Load('out', two.out, 8),
      new Load('into', two.into, 8),
      new Load('to the module', urlOf(users), 2, await prover(OKAPI, () => trust)),
      new Load('to Okapi', urlOf(okapi), 2, await prover(USERS, () => trust)),
    ]
    const shown = { users: new Set<number>(), okapi: new Set<number>() }
    for (let round = 1; round <= ROUNDS; round++) {
      const change = await changeOf(round, trust)
      trust = change.trust
      if (change.trust.roots.length === 1) await settled(two)
      await Promise.all([swap(users, change, round + 1), swap(okapi, change, round + 1)])
      await Promise.all([
        serves(users, OKAPI, trust, shown.users, round + 1),
        serves(okapi, USERS, trust, shown.okapi, round + 1),
      ])
    }
    for (const load of loads) await load.stop()
    t.deepEqual(
      loads.flatMap(({ lost }) => lost),
      [],
    )
    const underLoad = { users: accepted(users, OKAPI), okapi: accepted(okapi, USERS) }
    const answered = loads.map((load) => load.answered)
    t.log({
      answered,
      generations: [shown.users.size, shown.okapi.size],
      generationsUnderLoad: [underLoad.users.size, underLoad.okapi.size],
      certificates: loads.map(({ serials }) => serials.size),
    })
    t.is(await users.metric('sidecar_credentials_generation'), ROUNDS + 1)
    t.is(await okapi.metric('sidecar_credentials_generation'), ROUNDS + 1)
    t.is(await okapi.metric('sidecar_credentials_reload_total{result="failed"}'), 0)
    t.is(await users.metric('sidecar_credentials_reload_total{result="failed"}'), 0)
    t.true(shown.users.size + shown.okapi.size >= 90)
    t.true(underLoad.users.size + underLoad.okapi.size >= 90)
    for (const count of answered) t.true(count > ROUNDS)
  },
)

/** What changes in each round: of six, four are leaves and lists, two the way to another root. */
async function changeOf(round: number, trust: Trust): Promise<Change> {
  const { issuer, roots } = trust
  switch (round % 6) {
    case 1:
      return { trust, leaf: 'new' }
    case 2:
      return { trust, leaf: 'same key' }
    case 3:
      return { trust: { ...trust, lists: true }, leaf: 'same' }
    case 4: {
      const next = await makeCa(undefined, `root of round ${round}`)
      return { trust: { ...trust, roots: [...roots, next] }, leaf: 'same' }
    }
    case 5:
      return { trust: { ...trust, issuer: roots.at(-1)! }, leaf: 'new' }
    default:
      return { trust: { issuer, roots: [issuer], lists: round % 12 === 0 }, leaf: 'same' }
  }
}

async function swap(rotating: Rotating, change: Change, generation: number): Promise<void> {
  const { trust, leaf } = change
  const { pair } = rotating.leaf
  const next =
    leaf === 'same'
      ? rotating.leaf
      : await rotating.issue(trust.issuer, leaf === 'new' ? {} : { key: pair })
  const crls = trust.lists ? await Promise.all(trust.roots.map((root) => listOf(root))) : []
  rotating.put(next, trust.roots, crls)
  await rotating.reached(generation)
}

/** Each list names somebody else whom nobody knows. */
async function listOf(root: TestCa): Promise<string> {
  return root.crl([await root.issue()])
}

/** A connection that is opened now is proven with the newest leaf, and its request answered. */
async function serves(
  rotating: Rotating,
  caller: string,
  trust: Trust,
  shown: Set<number>,
  generation: number,
): Promise<void> {
  const client = new Client(urlOf(rotating), (await prover(caller, () => trust))())
  const { status, serial } = await client.ask()
  client.close()
  if (status === 200 && serial === serialOf(rotating.leaf)) shown.add(generation)
}

/** Generations under which connections of the other sidecar were accepted: each was made for a request. */
function accepted({ process }: Rotating, caller: string): Set<unknown> {
  const lines = process.lines.filter((line) => line.msg === 'peer accepted')
  return new Set(lines.filter((line) => line.caller === caller).map((line) => line['generation']))
}

/** Nobody holds a connection any more that an older generation has opened. */
async function settled({ users, okapi }: Two): Promise<void> {
  for (const each of [users, okapi]) {
    while ((await each.metric('sidecar_connections_stale')) > 0) {}
  }
}

async function prover(id: string, trust: () => Trust): Promise<() => Proof> {
  const made = new Map<TestCa, Proof['leaf']>()
  const issue = async () => {
    const { issuer } = trust()
    const leaf = made.get(issuer) ?? (await issuer.issue(moduleNames(id)))
    made.set(issuer, leaf)
    return leaf
  }
  let leaf = await issue()
  return () => {
    void issue().then((next) => {
      leaf = next
    })
    return {
      leaf,
      ca: trust()
        .roots.map(({ certPem }) => certPem)
        .join(''),
    }
  }
}

function urlOf({ process }: Rotating): URL {
  return new URL(`https://127.0.0.1:${process.port('ingress')}/users`)
}
