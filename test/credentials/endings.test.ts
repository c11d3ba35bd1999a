import test from 'ava'
import { readGeneration } from '../../src/credentials/check-generation.ts'
import { endingsOf, Reminder } from '../../src/credentials/endings.ts'
import type { Generation } from '../../src/credentials/generation.ts'
import { makeCa, moduleNames } from '../support/pki.ts'

const USERS = 'mod-users-19.7.0'
const DAY_MS = 86_400_000
const BEGIN = Date.UTC(2026, 0, 1)
const at = (day: number) => new Date(BEGIN + day * DAY_MS)
const file = (path: string, text: string) => ({ path, bytes: Buffer.from(text) })

/** A leaf of 90 days, a list of 30, a root of 3650. */
async function generation(more: { crlDays?: number } = {}): Promise<Generation> {
  const ca = await makeCa(undefined, 'root1', { notBefore: at(0), notAfter: at(3650) })
  const leaf = await ca.issue({ ...moduleNames(USERS), notBefore: at(0), notAfter: at(90) })
  const { crlDays = 30 } = more
  const crl = await ca.crl([], { thisUpdate: at(0), nextUpdate: at(crlDays) })
  const raw = {
    key: file('tls.key', leaf.keyPem),
    cert: file('tls.crt', leaf.certPem),
    ca: file('ca.crt', ca.certPem),
    crl: file('ca.crl', crl),
  }
  return readGeneration(raw, { module: USERS, trustDomain: 'folio.test', now: BEGIN + DAY_MS })
}

const day = (number: number) => BEGIN + number * DAY_MS

test('each thing is announced with a third of its life left; a root, half a year before', async (t) => {
  const endings = endingsOf(await generation())
  t.deepEqual(
    endings.map(({ announcedFrom, endsAt }) => [
      (announcedFrom - BEGIN) / DAY_MS,
      (endsAt - BEGIN) / DAY_MS,
    ]),
    [
      [60, 90],
      [3470, 3650],
      [20, 30],
    ],
  )
})

test('nothing is reported too early, then each problem once a day', async (t) => {
  const reminder = new Reminder()
  const now = await generation()
  const said = (time: number) => reminder.due(now, time).map(({ message }) => message)
  t.deepEqual(said(day(20) - 1), [])
  const list = 'the revocation list of CN=root1 expires in'
  const rest = ', on 2026-01-31T00:00:00.000Z; then every peer will be refused'
  t.deepEqual(said(day(20)), [`${list} 10 days${rest}`])
  t.deepEqual(said(day(20) + 1), [])
  t.deepEqual(said(day(21) - 1), [])
  t.deepEqual(said(day(21)), [`${list} 9 days${rest}`])
  t.deepEqual(said(day(29) + 1), [`${list} 23 hours${rest}`])
  t.deepEqual(said(day(30) + 2), [
    'the revocation list of CN=root1 expired on 2026-01-31T00:00:00.000Z: every peer will be refused',
  ])
  t.is(said(day(61)).length, 2)
})

test('after a clock is set back reports go on', async (t) => {
  const reminder = new Reminder()
  const now = await generation()
  t.is(reminder.due(now, day(28)).length, 1)
  t.is(reminder.due(now, day(22)).length, 1)
  t.is(reminder.due(now, day(22) + 1).length, 0)
  t.is(reminder.due(now, day(23)).length, 1)
})

test('an ending that is new is reported at once, one that was replaced no more', async (t) => {
  const reminder = new Reminder()
  t.is(reminder.due(await generation(), day(25)).length, 1)
  t.deepEqual(reminder.due(await generation({ crlDays: 300 }), day(25) + 1), [])
  t.is(reminder.due(await generation({ crlDays: 26 }), day(25) + 2).length, 1)
})

/** As SPIRE gives it: a CA of a day and a leaf of an hour below it, and further CAs, each half a day later. */
async function byAgent(authorities: number): Promise<Generation> {
  const cas = await Promise.all(
    Array.from({ length: authorities }, (_, i) => {
      return makeCa(undefined, `root${i + 1}`, { notBefore: at(i / 2), notAfter: at(i / 2 + 1) })
    }),
  )
  const hour = { notBefore: at(0.5), notAfter: at(0.5 + 1 / 24) }
  const leaf = await cas[0]!.issue({ ...moduleNames(USERS), ...hour })
  const raw = {
    key: file('key', leaf.keyPem),
    cert: file('chain', leaf.certPem),
    ca: file('bundle', cas.map(({ certPem }) => certPem).join('')),
    byAgent: true as const,
  }
  return readGeneration(raw, { module: USERS, trustDomain: 'folio.test', now: day(0.51) })
}

test('an authority of an agent is announced only when no other comes after it', async (t) => {
  const said = async (authorities: number) => {
    return endingsOf(await byAgent(authorities)).map(({ what }) => what.replace(/ \(.*/, ''))
  }
  t.deepEqual(await said(2), ['our own certificate', 'the authority CN=root2'])
  t.deepEqual(await said(1), ['our own certificate', 'the authority CN=root1'])
})

test('what an agent gives cannot be mended in a file', async (t) => {
  const hints = endingsOf(await byAgent(1)).map(({ hint }) => hint)
  t.deepEqual(
    hints.filter((hint) => /tls\.|ca\.crl|certs rollover/.test(hint)),
    [],
  )
  t.regex(hints[0]!, /is this workload still registered/)
})
