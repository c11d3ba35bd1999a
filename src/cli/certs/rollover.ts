import { parseArgs } from 'node:util'
import { Fault, type Problem } from '../../fault.ts'
import { type CertificateAuthority, openAuthority } from '../../pki/ca.ts'
import { keyKind } from '../../pki/keys.ts'
import {
  finish,
  progress,
  type RolloverProgress,
  reissue,
  start,
  visitor,
} from '../../pki/rollover.ts'
import { json, table, tell as tellProblems, utcMinute } from '../terminal.ts'
import { mistyped } from '../verb.ts'
import { durationMs, only, ROLLOVER_STEPS } from './arguments.ts'
import { type Encounter, encounters } from './encounter.ts'
import { type Peer, peersOf } from './meet.ts'

const EXAMPLE = 'rollover status --peers mod-users:8443,okapi:8443'

/** `certs rollover start|leaves|status|finish`: the guided change of the root. */
export async function run(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    strict: true,
    allowPositionals: true,
    options: {
      dir: { type: 'string', default: 'certs-dev' },
      peers: { type: 'string' },
      key: { type: 'string', default: 'p256' },
      'valid-for': { type: 'string', default: '90d' },
      json: { type: 'boolean', default: false },
    },
  })
  const step = only(positionals, 'start, leaves, status or finish', EXAMPLE)
  const peers = values.peers === undefined ? [] : peersOf(values.peers)
  const authority = await openAuthority(values.dir)
  switch (step) {
    case 'start': {
      const validForMs = durationMs('valid-for', values['valid-for'])
      await start(authority, { key: keyKind(values.key), validForMs })
      break
    }
    case 'leaves':
      await mustBeReady(authority, peers, notTaking)
      await reissue(authority)
      break
    case 'finish':
      await mustBeReady(authority, peers, needsOld)
      await finish(authority)
      break
    case 'status':
      break
    default:
      throw mistyped(`there is no step \`${step}\``, step, ROLLOVER_STEPS)
  }
  if (step !== 'status') return tell(authority, [], values.json).then(() => 0)
  return (await tell(authority, peers, values.json)) ? 0 : 1
}

const UNASKED: Problem = {
  severity: 'warning',
  message: 'without --peers no peer is asked whether it has read its files',
  hint: 'one that has not will refuse the others: give --peers HOST:PORT,... next time',
}

const UNREACHED = 'start it, or leave it out of --peers if it is gone; then repeat this step'
const BEHIND = 'give it the files of the CA, wait until it has read them, then repeat this step'

/** Before a step: every given peer must be ready for it. */
async function mustBeReady(
  authority: CertificateAuthority,
  peers: readonly Peer[],
  obstacle: (met: Encounter, now: RolloverProgress) => string | undefined,
): Promise<void> {
  const now = await progress(authority)
  if (now.phase === 'idle') return
  if (peers.length === 0) tellProblems([UNASKED])
  const problems: Problem[] = []
  for (const met of await visits(authority, peers)) {
    const why = obstacle(met, now)
    if (why === undefined) continue
    const message = `${met.peer}${met.name === null ? '' : ` (${met.name})`} ${why}`
    problems.push({ severity: 'error', message, hint: met.name === null ? UNREACHED : BEHIND })
  }
  if (problems.length > 0) throw new Fault(problems)
}

async function visits(
  authority: CertificateAuthority,
  peers: readonly Peer[],
): Promise<readonly Encounter[]> {
  const { roots } = await authority.read()
  const side = { ...(await visitor(authority)), roots: roots.map((root) => root.certificate) }
  return encounters(peers, side, authority.now())
}

function notTaking(met: Encounter): string | undefined {
  if (met.name === null) return `was ${met.problems.join(', ')}`
  return met.takesUs ? undefined : 'does not trust the new root yet'
}

/** Why a peer is not ready for the next step. */
function obstacleTo(now: RolloverProgress): (met: Encounter) => string | undefined {
  return now.phase === 'bundles' ? notTaking : (met) => needsOld(met, now)
}

/** Why a peer may still need the old root; undefined if it does not. */
function needsOld(met: Encounter, { from, to }: RolloverProgress): string | undefined {
  const why = notTaking(met)
  if (why !== undefined) return why
  if (met.root === from.id) return `still has a certificate of the old root ${from.id}`
  return met.root === to?.id ? undefined : 'has a certificate of another CA'
}

/** Prints the progress; resolves to false if something prevents the next step. */
async function tell(
  authority: CertificateAuthority,
  peers: readonly Peer[],
  asJson: boolean,
): Promise<boolean> {
  const now = await progress(authority)
  const met = now.phase === 'idle' || peers.length === 0 ? [] : await visits(authority, peers)
  const obstacles = met.map(obstacleTo(now))
  const open = now.lacking.length + (now.phase === 'leaves' ? now.waiting.length : 0)
  if (asJson) {
    json({
      phase: now.phase,
      from: now.from.id,
      to: now.to?.id ?? null,
      lacking: now.lacking,
      waiting: now.waiting,
      peers: met.map((one, i) => ({
        ...one,
        needsOld: needsOld(one, now) !== undefined,
        obstacle: obstacles[i] ?? null,
      })),
    })
  } else process.stdout.write(prose(authority.directory, now, met, obstacles))
  return open === 0 && obstacles.every((obstacle) => obstacle === undefined)
}

function prose(
  dir: string,
  now: RolloverProgress,
  met: readonly Encounter[],
  obstacles: readonly (string | undefined)[],
): string {
  const { phase, from, to, lacking, waiting } = now
  if (to === undefined) {
    return `No rollover is under way; the root is ${from.id}, until ${utcMinute(from.certificate.validToDate)}\n`
  }
  // The next step does not update folders that were filled by hand.
  const step = phase === 'bundles' || waiting.length > 0 ? 'leaves' : 'finish'
  const next = `okapi-sidecar certs rollover ${step} --dir ${dir} --peers HOST:PORT,...`
  const copies = lacking.map((directory) => `    cp ${dir}/ca.crt ${directory}/\n`)
  const state =
    phase === 'bundles'
      ? 'the new root is in every bundle and signs nothing yet'
      : 'the new root signs; the old one is still trusted'
  const rows = [
    ['old root', from.id, `until ${utcMinute(from.certificate.validToDate)}`],
    ['new root', to.id, `until ${utcMinute(to.certificate.validToDate)}`],
  ]
  const peers = met.map((one, i) => [one.peer, one.name ?? '-', obstacles[i] ?? 'ready'])
  return [
    `Rollover: ${state}\n\n`,
    table(rows, '    '),
    ...lacking.map((directory) => `    ${directory} does not have the new root\n`),
    ...(phase === 'leaves' ? waiting : []).map(
      (place) => `    ${place} has a certificate of the old root\n`,
    ),
    peers.length === 0 ? '' : `\n${table(peers, '    ')}`,
    copies.length === 0 ? '' : `\nfirst:\n${copies.join('')}`,
    `\nnext, once every peer has read these files:\n    ${next}\n`,
  ].join('')
}
