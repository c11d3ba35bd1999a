import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NOTE, OKAPI } from './modules.ts'
import { measured, noneIsLost, real, theTown } from './set-up.ts'
import type { Town } from './town.ts'
import { until } from './until.ts'

const USERS = 'mod-users-19.7.0'
const NOTES = 'mod-notes-8.1.0'
const CHAIN = [OKAPI, USERS, NOTES]

async function generationOf(town: Town, id: string): Promise<number> {
  return (await town.inUse(id)).generation
}

test(
  'Secrets are replaced while calls run: all take them up, and no call is lost',
  real,
  async () => {
    const town = theTown()
    const before = new Map<string, number>()
    for (const id of CHAIN) before.set(id, await generationOf(town, id))
    const said = await town.callsWhile(OKAPI, NOTE, async () => {
      await town.renew(CHAIN)
      const replaced = performance.now()
      for (const id of CHAIN) {
        await until(`${id} uses its new certificate`, async () => {
          return (await generationOf(town, id)) > before.get(id)!
        })
        measured(`${id} used it after ${((performance.now() - replaced) / 1000).toFixed(0)} s`)
      }
    })
    noneIsLost('Secrets replaced', said)
  },
)

test('the Secret of another module is not taken up, and calls go on', real, async () => {
  const town = theTown()
  const before = await generationOf(town, USERS)
  const [pod] = await town.pods(USERS)
  const failed = () => {
    const name = 'sidecar_credentials_reload_total{result="failed"'
    return town.metric(USERS, name)
  }
  const already = await failed()
  const said = await town.callsWhile(OKAPI, NOTE, async () => {
    await town.putSecret(USERS, NOTES)
    await until('it has been refused', async () => (await failed()) > already)
  })
  noneIsLost('a wrong Secret', said)
  assert.equal(await generationOf(town, USERS), before)
  const log = await town.kubectl('logs', pod!.metadata.name, '-c', 'okapi-sidecar')
  assert.match(log, /new credentials refused/)
  await town.renew([USERS])
  await until('the right one is used', async () => (await generationOf(town, USERS)) > before)
})
