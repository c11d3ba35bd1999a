import test from 'ava'
import { parse } from 'yaml'
import { policy } from '../support/policy-verb.ts'
import { ask, get, ID, Place, statusOf } from '../support/scenario.ts'

test('what a sidecar records in report mode is suggested, and passes once it is granted', async (t) => {
  const place = await Place.make()
  t.teardown(() => place.close())
  const sections = (rules: object) => ({
    egress: { listen: '127.0.0.1:0', gateway: 'https://127.0.0.1:1' },
    policy: rules,
  })
  const call = (target: string, id: string) =>
    get(target, 'X-Okapi-Tenant: diku', `X-Okapi-Request-Id: ${id}`)
  const tags = await place.sidecar(ID.tags, sections({ mode: 'report' }))
  t.teardown(() => tags.stop())
  await ask(tags.port('egress'), call('/users/42', 'one'))
  await ask(tags.port('egress'), call('/tags/42', 'own'))
  await Promise.all(['one', 'own'].map((id) => tags.exchange(id)))
  const suggest = ['suggest', '--descriptors', place.descriptors, '--from', '-']
  const { stdout, stderr, code } = await policy(suggest, tags.out)
  t.is(code, 0, stderr)
  const grants = parse(stdout)
  t.is(grants.length, 1, stdout)
  t.like(grants[0], { caller: 'mod-tags', methods: ['GET'], path: '/users/{id}' })
  const file = await place.file('grants.yaml', stdout)
  const strict = await place.sidecar(ID.tags, sections({ grants: [file] }))
  t.teardown(() => strict.stop())
  // Nothing listens at the gateway: what the policy lets through ends there, and not in 403.
  const status = async (target: string) =>
    statusOf(await ask(strict.port('egress'), call(target, target)))
  t.is(await status('/users/42'), 502)
  t.is(await status('/users'), 403)
})
