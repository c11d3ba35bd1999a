import fc from 'fast-check'
import type { Entry, Module, ReferenceModel } from './reference.ts'

/** Small policy models and questions that collide a lot; what generators share between tests. */
export const IDS = ['mod-a-1.0.0', 'mod-a-2.0.0', 'mod-b-1.0.0', 'mod-c-1.0.0', 'mod-c-1.1.0']
const PIECES = ['/', 'a', 'b', '/a', '/b', '/{x}', '{y}', '*', '/_/', 'tenant']

const methods = fc.constantFrom<readonly string[]>(['GET'], ['POST', 'PUT'], ['*'], [])
const pattern = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom('/a', '/a/{x}', '/a/{x}/b', '/b', '/b/{y}', '/a/b') },
  { weight: 2, arbitrary: fc.constantFrom('/a/*', '/b*', '/*', '/{x}', '/a/b{x}', '/a*b', '/a/') },
  fc
    .array(fc.constantFrom(...PIECES), { minLength: 1, maxLength: 5 })
    .map((pieces) => pieces.join('')),
)
const redirect = { type: 'redirect', redirectPath: '/a' }
const turned = (entry: fc.Arbitrary<Entry>) =>
  fc.tuple(entry, fc.nat(11)).map(([one, n]) => (n === 0 ? { ...one, ...redirect } : one))
const entry = turned(fc.record({ methods, pathPattern: pattern }))
const version = fc.constantFrom('1.0', '1.2', '2.0', '2.1')
const requirement = fc.record({
  id: fc.constantFrom('x', 'x', 'y', 'y', 'z', '_t'),
  version: fc.constantFrom('1.0', '1.0 2.0', '1.1 2.0', '2.1 1.0', '3.0'),
})
const provided = fc.record({
  id: fc.constantFrom('x', 'y', 'z', '_t'),
  version,
  interfaceType: fc.constantFrom(undefined, undefined, undefined, 'multiple', 'system', 'internal'),
  handlers: fc.array(entry, { minLength: 1, maxLength: 4 }),
})
const filter = turned(
  fc.record({ methods, pathPattern: pattern, phase: fc.constantFrom('auth', 'pre') }),
)
const some = <T>(one: fc.Arbitrary<T>, maxLength: number) => fc.array(one, { maxLength })
const module = (id: string): fc.Arbitrary<Module> =>
  fc.record({
    id: fc.constant(id),
    provides: some(provided, 3),
    requires: some(requirement, 3),
    optional: some(requirement, 1),
    filters: fc.oneof({ weight: 4, arbitrary: fc.constant([]) }, some(filter, 1)),
  })
export const caller = fc.constantFrom(
  ...IDS,
  ...IDS,
  'mod-x-1.0.0',
  'operator/o',
  'client/c',
  'public',
  'none',
)
const grant = fc
  .record({
    caller: fc.constantFrom('mod-a', 'mod-b-1.0.0', 'mod-c', 'operator/o', 'client/c', 'public'),
    at: fc.constant('okapi'),
    why: fc.constant('test'),
    opens: fc.oneof(
      fc.constantFrom('x', 'y').map((id) => ({ interface: id })),
      fc.constant({ tenants: ['supertenant'] }),
      fc.record({
        methods: fc.constantFrom(['GET'], ['*']),
        path: fc.constantFrom('/a/*', '/{x}', '/*', '/_/*', '/_/invoke/tenant/{t}/*', '/a'),
      }),
    ),
  })
  .map(({ opens, ...rest }) => ({ ...rest, ...opens }))
export const referenceModel: fc.Arbitrary<ReferenceModel> = fc.record({
  modules: fc
    .subarray(IDS, { minLength: 2 })
    .chain((ids) => fc.tuple(...ids.map((id) => module(id)))),
  grants: some(grant, 4),
  mode: fc.constantFrom('enforce', 'report'),
})
const path = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('/a', '/a/b', '/a/1', '/a/1/b', '/b', '/b/1', '/a/bc') },
  fc.constant('/'),
  fc
    .array(fc.constantFrom('/', '/a', '/b', 'a', 'b', '/_/', '/_', '/%5f', 'tenant'), {
      maxLength: 5,
    })
    .map((pieces) => `/${pieces.join('')}`.replace(/\/+/g, '/')),
  fc.constantFrom(
    '/_/version',
    '/_/proxy/tenants',
    '/_/proxy/tenants/diku',
    '/_/invoke/tenant/diku/a/b',
    '/_/invoke/tenant/diku/_/proxy/tenants',
    '/_/invoke/tenant/supertenant/a',
    '/_/invoke/tenant/diku/saml/a',
  ),
)
export const question = fc
  .record({
    caller: fc.oneof({ weight: 3, arbitrary: caller }, fc.constant('okapi-7.2.0')),
    at: fc.oneof({ weight: 3, arbitrary: fc.constant('okapi') }, fc.constantFrom(...IDS)),
    method: fc.constantFrom('GET', 'GET', 'GET', 'POST', 'OPTIONS', 'PATCH', 'UNHEARD-OF'),
    path,
    tenant: fc.constantFrom('diku', 'diku', 'supertenant', undefined),
    moduleId: fc.constantFrom(undefined, undefined, undefined, ...IDS, 'nobody'),
    preflight: fc.boolean(),
  })
  .map(({ tenant, moduleId, ...rest }) => ({
    ...rest,
    ...(tenant === undefined ? {} : { tenant }),
    ...(moduleId === undefined ? {} : { moduleId }),
  }))
