import test from 'ava'
import type { BrokerAcl } from '../../src/cli/kafka/broker-acls.ts'
import { type ClusterAcl, compareAcls } from '../../src/cli/kafka/compare-acls.ts'

const PRINCIPAL = 'User:CN=mod-users-19.7.0'

function acl(text: string): ClusterAcl {
  const [operation, resource, name, principal = PRINCIPAL, permission = 'allow'] = text.split(' ')
  const prefixed = name!.endsWith('...')
  return {
    ...{ operation: operation!, resource: resource as BrokerAcl['resource'], principal },
    ...{ pattern: prefixed ? 'prefixed' : 'literal', name: name!.replace('...', '') },
    permission: permission as ClusterAcl['permission'],
  }
}

for (const { wants, has, missing = 0, beyond = 0 } of [
  { wants: 'Read topic a', has: ['Read topic a'] },
  { wants: 'Read topic a', has: ['All topic *'], beyond: 1 },
  { wants: 'Read topic a.b', has: ['Read topic a....'], beyond: 1 },
  { wants: 'Read topic a....', has: ['Read topic a.b'], missing: 1 },
  { wants: 'Read topic a....', has: ['Read topic a....', 'Read topic a.b'] },
  { wants: 'Read topic a', has: ['Read topic a', 'Describe topic a'] },
  { wants: 'Read topic a', has: ['Describe topic a'], missing: 1 },
  { wants: 'Read topic a', has: ['Read group a'], missing: 1, beyond: 1 },
  { wants: 'Read topic a', has: ['Read topic a User:*'] },
  { wants: 'Read topic a', has: ['Read topic a User:CN=mod-users-bl-8.1.0'], missing: 1 },
  { wants: 'Read topic a', has: ['Read topic a', 'Write topic * User:*'], beyond: 1 },
  { wants: 'Read topic a', has: ['Read topic a', `All topic * ${PRINCIPAL} deny`], missing: 1 },
  {
    wants: 'Read topic a....',
    has: ['Read topic a....', `Read topic a.b ${PRINCIPAL} deny`],
    missing: 1,
  },
  { wants: 'Read topic *', has: ['Read topic a'], missing: 1 },
  { wants: 'Read topic a', has: [], missing: 1 },
]) {
  test(`a cluster that has ${has.join(', ') || 'nothing'} for ${wants}`, (t) => {
    const difference = compareAcls([acl(wants)], has.map(acl), PRINCIPAL)
    t.is(difference.missing.length, missing, 'missing')
    t.is(difference.beyond.length, beyond, 'beyond')
  })
}
