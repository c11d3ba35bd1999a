import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { folder, policy, SET } from '../support/policy-verb.ts'

const CONSORTIA = `
consortia: [{ central: east, members: [college, university] }]
cross: [{ caller: mod-notes, directions: [central-to-member], why: a test }]
`

test('explain says what becomes of a tenant with the token of another', async (t) => {
  const place = await folder(t)
  const [file, consortia] = [join(place, 'sidecar.yaml'), join(place, 'consortia.yaml')]
  writeFileSync(consortia, CONSORTIA, { mode: 0o600 })
  const configure = (rules: string) =>
    writeFileSync(
      file,
      `{ module: okapi-7.2.0, trustDomain: folio.test, credentials: { directory: . },
      ingress: { listen: "127.0.0.1:8443", forward: "http://127.0.0.1:9130" },
      policy: { descriptors: ${SET}, ${rules} } }`,
      { mode: 0o600 },
    )
  const asks = async (options: string) => {
    const common = `-c ${file} --at okapi --method GET --path /users/1 --json`.split(' ')
    const caller = options.includes('--caller') ? [] : ['--caller', 'mod-notes-8.1.0']
    const { stdout, stderr, code } = await policy([
      ...['explain', ...common, ...caller],
      ...options.split(' '),
    ])
    if (code === 2) return stderr
    const { decision, reason, because } = JSON.parse(stdout)
    t.is(code, decision === 'allow' ? 0 : 1)
    return { told: `${decision} ${reason ?? ''}`.trim(), because }
  }
  const told = async (options: string) => {
    const answer = await asks(options)
    return typeof answer === 'string' ? answer : answer.told
  }
  configure('consortia: consortia.yaml')
  t.is(await told('--tenant college'), 'allow')
  t.is(await told('--tenant college --token-tenant college'), 'allow')
  t.is(await told('--tenant college --token-tenant east'), 'allow')
  t.is(await told('--tenant east --token-tenant college'), 'refuse tenant-mismatch')
  t.is(await told('--tenant east --token-tenant college --serving'), 'allow')
  t.is(await told('--tenant diku --token-tenant east'), 'refuse tenant-mismatch')
  t.is(await told('--tenant diku --token-tenant east --serving'), 'refuse tenant-mismatch')
  t.is(await told('--tenant diku --token-tenant none'), 'refuse tenant-not-allowed')
  t.is(await told('--tenant diku --token-tenant none --serving'), 'allow')
  t.is(await told('--tenant college --token-tenant east --caller public'), 'refuse tenant-mismatch')
  t.is(await told('--token-tenant east'), 'allow', 'Okapi takes the tenant of the token')
  t.is(await told('--token-tenant supertenant'), 'refuse tenant-not-allowed')
  t.is(await told('--tenant college,east'), 'refuse tenant-not-allowed')
  t.regex(String(await told('--tenant college --token-tenant a,b')), /is not a tenant name/)

  const because = await asks('--tenant east --token-tenant college')
  t.like(because, {
    because:
      'mod-notes-8.1.0 may not act for tenant east with a token of tenant college: no rule lets it cross member-to-central in the consortium of east',
  })
  configure('tenants: report')
  t.is(await told('--tenant college --token-tenant east'), 'allow tenant-mismatch')
  configure('tenants: off')
  t.is(await told('--tenant college --token-tenant east'), 'allow')
  configure('tenantsOf: [{ caller: mod-notes, tenants: [diku], why: one tenant }]')
  t.is(await told('--tenant college'), 'refuse tenant-not-allowed')
  t.is(await told('--tenant diku'), 'allow')
  configure('tenantsOf: [{ caller: mod-notes, tenants: serving, why: it only answers }]')
  t.is(await told('--tenant diku'), 'refuse tenant-not-allowed')
  t.is(await told('--tenant diku --serving'), 'allow')
})
