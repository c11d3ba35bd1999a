import { existsSync } from 'node:fs'
import test from 'ava'
import { type DemoCluster, startCluster } from '../../src/demo/cluster.ts'
import { MODULES, NOTE_ID, OKAPI, TENANT } from '../../src/demo/members.ts'
import { runTrials } from '../../src/demo/rogue.ts'

let cluster: DemoCluster
test.before(async () => {
  cluster = await startCluster({ sidecars: false }, () => undefined)
})
test.after.always(() => cluster?.close())

const ask = async (path: string, headers: Record<string, string> = {}) => {
  const answer = await fetch(`${cluster.okapiUrl}${path}`, {
    headers: { 'X-Okapi-Tenant': TENANT, ...headers },
  })
  return { status: answer.status, text: await answer.text(), headers: answer.headers }
}
const token = async () =>
  String(await cluster.processes.get(MODULES.authtoken)!.child.ask('annasToken'))

test.serial('one call crosses mod-notes, Okapi and mod-users', async (t) => {
  const { status, text } = await ask(`/notes/${NOTE_ID}`, { 'X-Okapi-Token': await token() })
  t.is(status, 200)
  t.like(JSON.parse(text), { title: 'Please renew', creator: { username: 'anna' } })
})

test.serial('the auth filter says no to a caller without the permission', async (t) => {
  t.is((await ask(`/notes/${NOTE_ID}`)).status, 400)
  t.is((await ask(`/notes/${NOTE_ID}`, { 'X-Okapi-Token': 'e.e.e' })).status, 401)
})

test.serial('Okapi finds the tenant in the token, and knows no others', async (t) => {
  const answer = await fetch(`${cluster.okapiUrl}/tags`, {
    headers: { Authorization: `Bearer ${await token()}` },
  })
  t.is(answer.status, 200)
  await answer.body?.cancel()
  t.is((await ask('/tags', { 'X-Okapi-Tenant': 'nowhere' })).status, 400)
  t.is((await ask('/nothing')).status, 404)
})

test.serial(
  'Okapi takes off what only the auth filter may hear, and appends to the id',
  async (t) => {
    const { child } = cluster.processes.get(MODULES.users)!
    await child.ask('seen')
    const { status } = await ask('/users', {
      'X-Okapi-Token': await token(),
      'X-Okapi-Module-Permissions': '{"mod-tags-3.1.0":["perms.all"]}',
      'X-Okapi-Extra-Permissions': '["perms.all"]',
      'X-Okapi-Request-Id': 'first',
    })
    t.is(status, 200)
    const [seen] = (await child.ask('seen')) as { target: string; headers: string[] }[]
    const lines = seen!.headers.join('\n')
    t.notRegex(lines, /Module-Permissions|Extra-Permissions/i)
    t.regex(lines, /X-Okapi-Request-Id\nfirst;\d{6}\/users/i)
    t.regex(lines, /Transfer-Encoding\nchunked/)
    t.regex(lines, new RegExp(`X-Okapi-Url\n${cluster.okapiUrl}\n`))
  },
)

test.serial('every attack of the demo gets through where no sidecar is', async (t) => {
  const trials = await runTrials(cluster, new AbortController().signal)
  t.is(trials.length, 16)
  for (const { id, outcome, because } of trials) t.is(outcome, 'got-through', `${id}: ${because}`)
  t.is(
    await cluster.processes.get(MODULES.users)!.child.ask('count'),
    0,
    'the tenant’s users are purged',
  )
})

test.serial('closing stops every process and removes the files', async (t) => {
  const other = await startCluster({ sidecars: false }, () => undefined)
  t.true(existsSync(other.directory))
  await other.close()
  t.false(existsSync(other.directory))
  await t.throwsAsync(fetch(`${other.okapiUrl}/_/version`))
  await t.throwsAsync(other.processes.get(OKAPI)!.child.ask('seen'))
})
