import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Installation } from './installation.ts'
import { NOTE, OKAPI } from './modules.ts'
import { measured, noneIsLost, theInstallation } from './set-up.ts'
import { attested, LIFE_S, theSpire } from './spire-set-up.ts'
import { until } from './until.ts'

// What ends and is replaced at SPIRE while calls run: certificates, agent, server, roots.

const USERS = 'mod-users-19.7.0'
const NOTES = 'mod-notes-8.1.0'
const TAGS = 'mod-tags-3.1.0'
const CHAIN = [OKAPI, USERS, NOTES]
const RENEWALS = Number(process.env['CLUSTER_RENEWALS'] ?? 3)
/** Shorter than half a life by what the agent takes to try again, which is longer with each failure. */
const AWAY_MS = 20_000
/**
 * What is left of the shortest life when it goes: that one is to be renewed while it is away, and there is time for the
 * agent to find it again.
 */
const LEFT_MS = { least: 500 * LIFE_S + 8000, most: 500 * LIFE_S + 18_000 }

async function ends(installation: Installation): Promise<number[]> {
  const found = await Promise.all(CHAIN.map((id) => installation.inUse(id)))
  return found.map(({ notAfterMs }) => notAfterMs)
}

/** Waits until each module of the chain has a certificate that was issued from now on, so often. */
async function renewed(installation: Installation, times = 1): Promise<void> {
  for (let i = 1; i <= times; i++) {
    // They end at whole seconds. One that was on its way when this began ends before that.
    const end = 1000 * Math.ceil(Date.now() / 1000 + LIFE_S)
    await until(`all are renewed, ${i} of ${times}`, async () => {
      return (await ends(installation)).every((one) => one >= end)
    })
  }
}

/** Waits until each module of the chain trusts so many roots. */
async function trusted(installation: Installation, roots: number): Promise<void> {
  await until(`all trust ${roots} roots`, async () => {
    const found = await Promise.all(CHAIN.map((id) => installation.inUse(id)))
    return found.every((each) => each.roots.length === roots)
  })
}

test(`SPIRE renews ${RENEWALS} times while calls run, and none is lost`, attested, async () => {
  const installation = theInstallation()
  const said = await installation.callsWhile(OKAPI, NOTE, () => renewed(installation, RENEWALS))
  noneIsLost(`${RENEWALS} renewals by SPIRE`, said)
})

test('while the agent is replaced no call is lost, and renewals go on', attested, async () => {
  const installation = theInstallation()
  const said = await installation.callsWhile(OKAPI, NOTE, async () => {
    await theSpire().restart('daemonset/spire-agent')
    await renewed(installation)
  })
  noneIsLost("SPIRE's agent replaced", said)
})

test('while the server is away no call is lost, and renewals go on', attested, async () => {
  const installation = theInstallation()
  await until('one is about to be renewed', async () => {
    const leftMs = Math.min(...(await ends(installation))) - Date.now()
    return leftMs > LEFT_MS.least && leftMs < LEFT_MS.most
  })
  const said = await installation.callsWhile(OKAPI, NOTE, async () => {
    await theSpire().scale(0)
    const gone = performance.now()
    await until('certificates were to be renewed', async () => {
      return (
        performance.now() - gone > AWAY_MS && /Synchronize failed/.test(await theSpire().agentLog())
      )
    })
    await theSpire().scale(1)
    measured(`SPIRE's server was away for ${Math.round((performance.now() - gone) / 1000)} s`)
    await renewed(installation)
  })
  noneIsLost("SPIRE's server away", said)
})

test('another CA comes above that of SPIRE, and no call is lost', attested, async () => {
  const installation = theInstallation()
  const server = theSpire()
  const [old] = (await installation.inUse(USERS)).roots
  const said = await installation.callsWhile(OKAPI, NOTE, async () => {
    const { upstream_authority_subject_key_id: above } = await server.authority()
    server.putUpstream(await installation.foundAuthority('ca-above'))
    const prepared = await server.prepare()
    await trusted(installation, 2)
    await server.activate(prepared.authority_id)
    const of = ['-subjectKeyID', above]
    await server.run('upstreamauthority', 'taint', ...of)
    await renewed(installation)
    await server.run('upstreamauthority', 'revoke', ...of)
    await trusted(installation, 1)
  })
  noneIsLost('the CA above that of SPIRE replaced', said)
  assert.notEqual((await installation.inUse(USERS)).roots[0], old)
})

test("SPIRE's own root is replaced, and no call is lost", attested, async () => {
  const installation = theInstallation()
  const server = theSpire()
  await server.leaveUpstream()
  await trusted(installation, 2)
  await renewed(installation)
  await installation.crosses(OKAPI, NOTE)
  const said = await installation.callsWhile(OKAPI, NOTE, async () => {
    const old = await server.authority()
    const prepared = await server.prepare()
    await trusted(installation, 3)
    await server.activate(prepared.authority_id)
    await server.run('localauthority', 'x509', 'taint', '-authorityID', old.authority_id)
    await renewed(installation)
    await server.run('localauthority', 'x509', 'revoke', '-authorityID', old.authority_id)
    await trusted(installation, 2)
  })
  noneIsLost("SPIRE's own root replaced", said)
})

test('modules move back to Secrets', attested, async () => {
  const installation = theInstallation()
  for (const id of [...CHAIN, TAGS]) await installation.install(id)
  for (const id of [...CHAIN, TAGS]) await installation.ready(id)
  await installation.crosses(OKAPI, NOTE)
})
