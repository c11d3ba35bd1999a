import type { X509Certificate } from 'node:crypto'
import { Fault, sentence } from '../../fault.ts'
import { shortId } from '../../pki/issuer.ts'
import { titleOf } from './inspect.ts'
import { chainShown, namesIn, profileFlaws } from './judgement.ts'
import { address, type Meeting, meet, type Peer } from './meet.ts'

/** The future certificate, key and roots of one side. */
export interface Side {
  readonly cert: string
  readonly key: string
  readonly roots: readonly X509Certificate[]
}

/** The result of a handshake with a peer, as seen from both ends. */
export interface Encounter {
  readonly peer: string
  /** `mod-users-19.7.0`; null when the peer was not reached. */
  readonly name: string | null
  /** The short id of our root that certifies the peer; null if none does. */
  readonly root: string | null
  /** Whether the peer accepts our certificate. */
  readonly takesUs: boolean
  /** Whether our roots certify the peer, now. */
  readonly isTaken: boolean
  /** Phrases; empty when both sides accept each other. */
  readonly problems: readonly string[]
}

/** Connects to every peer, one after the other, so that their logs stay readable. */
export async function encounters(
  peers: readonly Peer[],
  side: Side,
  now: Date,
): Promise<readonly Encounter[]> {
  const all: Encounter[] = []
  for (const peer of peers) all.push(await encounter(peer, side, now))
  return all
}

async function encounter(peer: Peer, side: Side, now: Date): Promise<Encounter> {
  const met = await meet(peer, side).catch((error: unknown) => {
    if (error instanceof Fault) return error
    throw error
  })
  if (met instanceof Fault) return unreached(peer, met)
  if (met.chain.length === 0) return unreached(peer, undefined)
  const chain = chainShown(met.chain, side.roots)
  const flaws = chain === undefined ? [] : profileFlaws(chain, now.getTime())
  const root = chain?.issuers.at(-1)
  const problems: string[] = []
  if (!met.takesUs) problems.push(`refuses our certificate (${met.refusal})`)
  if (root === undefined) problems.push('its certificate leads to none of our roots')
  problems.push(...flaws.map(({ because }) => because))
  return {
    peer: address(peer),
    name: nameOf(met),
    root: root === undefined ? null : shortId({ publicKey: root.key }),
    takesUs: met.takesUs,
    isTaken: root !== undefined && flaws.length === 0,
    problems,
  }
}

function unreached(peer: Peer, why: Fault | undefined): Encounter {
  const problem = why?.problems[0]
  const said = problem === undefined ? 'no certificate' : sentence(problem)
  const place = address(peer)
  const problems = [`not reached: ${said.replace(`${place}: `, '')}`]
  return { peer: place, name: null, root: null, takesUs: false, isTaken: false, problems }
}

function nameOf({ chain: [leaf] }: Meeting): string {
  const [uri] = leaf === undefined ? [] : namesIn(leaf).uris
  return uri === undefined ? 'no name' : titleOf(uri)
}
