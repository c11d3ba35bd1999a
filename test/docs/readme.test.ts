import { readFileSync } from 'node:fs'
import test from 'ava'
import { parse } from 'yaml'
import { fileSchema } from '../../src/config/schema.ts'

const README = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
const [, first = ''] = /```yaml\n(.*?)```/s.exec(README) ?? []

test('the first configuration of the README serves a module that Okapi calls', (t) => {
  const written = parse(first)
  t.true(fileSchema().safeParse(written).success)
  t.truthy(written.ingress.forward)
  t.truthy(written.egress.gateway)
})

test('certs init of the README makes a CA for the trust domain of that configuration', (t) => {
  const domains = [...README.matchAll(/certs init .*--trust-domain (\S+)/g)]
  t.true(domains.length > 0)
  for (const [whole, domain] of domains) t.is(domain, parse(first).trustDomain, whole)
})
