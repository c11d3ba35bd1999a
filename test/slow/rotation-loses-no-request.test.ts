import test from 'ava'
import { until } from '../support/patience.ts'
import { makeCa, moduleNames, type TestCa } from '../support/pki.ts'
import {
  Client,
  type Echo,
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
/** More than the connections of any pool here. */
const BURST = 24

/** What all peers trust at the moment. */
interface Trust {
  readonly issuer: TestCa
  readonly roots: readonly TestCa[]
  /** Names of no peer; each list is another one. */
  readonly lists: boolean
}

interface Change {
  readonly trust: Trust
  readonly leaf: 'new' | 'same key' | 'same'
}

test.serial(
  'key, leaf, lists and roots are replaced a hundred times under load, and no request is lost',
  async (t) => {
    // No assertion is made before the last round.
    t.timeout(290_000)
    const two = await startTwo(t)
    const { users, okapi } = two
    let trust: Trust = { issuer: two.ca, roots: [two.ca], lists: false }
    const [asOkapi, asUsers] = [new Peer(OKAPI), new Peer(USERS)]
    for (const peer of [asOkapi, asUsers]) await peer.renew(trust)
    const loads = [
      new Load('out', two.out, 8),
      new Load('into', two.into, 8),
      new Load('to the module', urlOf(users), 2, asOkapi.proof),
      new Load('to Okapi', urlOf(okapi), 2, asUsers.proof),
    ]
    const shown = { users: new Set<number>(), okapi: new Set<number>() }
    for (let round = 1; round <= ROUNDS; round++) {
      const change = await changeOf(round, trust)
      if (change.trust.roots.length < trust.roots.length) await settled(two)
      trust = change.trust
      for (const peer of [asOkapi, asUsers]) await peer.renew(trust)
      await Promise.all([swap(users, change, round + 1), swap(okapi, change, round + 1)])
      await Promise.all([
        serves(users, asOkapi.proof, shown.users, round + 1),
        serves(okapi, asUsers.proof, shown.okapi, round + 1),
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
    t.is(await users.metric('sidecar_credentials_reload_total{result="failed"}'), 0)
    // Here files are replaced one by one: a poll may find the half of them, which stays without effect.
    const halves = okapi.process.lines.filter(({ msg }) => msg === 'new credentials refused')
    t.true(halves.length < ROUNDS / 10, JSON.stringify(halves))
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
      return { trust: { ...trust, roots: [issuer] }, leaf: 'same' }
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

/** Each list names another unknown peer. */
async function listOf(root: TestCa): Promise<string> {
  return root.crl([await root.issue()])
}

/** A connection that is opened now is proven with the newest leaf, and its request answered. */
async function serves(
  rotating: Rotating,
  proof: () => Proof,
  shown: Set<number>,
  generation: number,
): Promise<void> {
  const client = new Client(urlOf(rotating), proof)
  const { status, serial } = await client.ask()
  client.close()
  if (status === 200 && serial === serialOf(rotating.leaf)) shown.add(generation)
}

/** Generations under which connections of the other sidecar were accepted: each was made for a request. */
function accepted({ process }: Rotating, caller: string): Set<unknown> {
  const lines = process.lines.filter((line) => line.msg === 'peer accepted')
  return new Set(lines.filter((line) => line.caller === caller).map(({ generation: each }) => each))
}

/**
 * No connection of an older generation is open any more: an idle one stays until it
 * is used once more, or for 15 s. So that many requests run at once that each is used.
 */
async function settled({ users, okapi, usersServer, okapiServer, out, into }: Two): Promise<void> {
  await Promise.all([burst(okapiServer, out), burst(usersServer, into)])
  for (const each of [users, okapi]) {
    await until(async () => (await each.metric('sidecar_connections_stale')) === 0)
  }
}

async function burst(server: Echo, url: URL): Promise<void> {
  const held = Array.from({ length: BURST }, () => server.hold())
  const clients = held.map(() => new Client(url))
  const outcomes = clients.map((client) => client.ask())
  for (const release of await Promise.all(held)) release()
  for (const { status } of await Promise.all(outcomes)) {
    if (status !== 200) throw new Error(`lost in a burst: ${status}`)
  }
  for (const client of clients) client.close()
}

/** A peer that speaks for itself, with a leaf of its own that is replaced with the roots. */
class Peer {
  readonly #id: string
  #proof: Proof | undefined

  constructor(id: string) {
    this.#id = id
  }

  async renew({ issuer, roots }: Trust): Promise<void> {
    const ca = roots.map(({ certPem }) => certPem).join('')
    this.#proof = { leaf: await issuer.issue(moduleNames(this.#id)), ca }
  }

  readonly proof = (): Proof => this.#proof!
}

function urlOf({ process }: Rotating): URL {
  return new URL(`https://127.0.0.1:${process.port('ingress')}/users`)
}
