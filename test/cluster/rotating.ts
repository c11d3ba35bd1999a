import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Installation } from './installation.ts'
import { NOTE, OKAPI } from './modules.ts'
import { measured, noneIsLost, real, theInstallation } from './set-up.ts'
import { until } from './until.ts'

const USERS = 'mod-users-19.7.0'
const NOTES = 'mod-notes-8.1.0'
const CHAIN = [OKAPI, USERS, NOTES]

async function generationOf(installation: Installation, id: string): Promise<number> {
  return (await installation.inUse(id)).generation
}

test(
  'Secrets are replaced while calls run: all take them up, and no call is lost',
  real,
  async () => {
    const installation = theInstallation()
    const before = new Map<string, number>()
    for (const id of CHAIN) before.set(id, await generationOf(installation, id))
    const said = await installation.callsWhile(OKAPI, NOTE, async () => {
      await installation.renew(CHAIN)
      const replaced = performance.now()
      for (const id of CHAIN) {
        await until(`${id} uses its new certificate`, async () => {
          return (await generationOf(installation, id)) > before.get(id)!
        })
        measured(`${id} used it after ${((performance.now() - replaced) / 1000).toFixed(0)} s`)
      }
    })
    noneIsLost('Secrets replaced', said)
  },
)

test('the Secret of another module is not taken up, and calls go on', real, async () => {
  const installation = theInstallation()
  const before = await generationOf(installation, USERS)
  const [pod] = await installation.pods(USERS)
  const failed = () => {
    const name = 'sidecar_credentials_reload_total{result="failed"'
    return installation.metric(USERS, name)
  }
  const already = await failed()
  const said = await installation.callsWhile(OKAPI, NOTE, async () => {
    await installation.putSecret(USERS, NOTES)
    await until('it has been refused', async () => (await failed()) > already)
  })
  noneIsLost('a wrong Secret', said)
  assert.equal(await generationOf(installation, USERS), before)
  const log = await installation.kubectl('logs', pod!.metadata.name, '-c', 'okapi-sidecar')
  assert.match(log, /new credentials refused/)
  await installation.renew([USERS])
  await until(
    'the right one is used',
    async () => (await generationOf(installation, USERS)) > before,
  )
})
