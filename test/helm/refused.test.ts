import { rmSync } from 'node:fs'
import test from 'ava'
import { withTool } from '../support/scenario/tools.ts'
import { MODULE, OKAPI, PLACE, render, type Values } from './render.ts'

const withHelm = withTool('helm')

test.after.always(() => rmSync(PLACE, { recursive: true, force: true }))

const REFUSED: readonly [string, Values, RegExp, ...string[]][] = [
  [
    'too old Kubernetes',
    MODULE,
    /1\.29 and this is v?1\.28\.0; set mode: container/,
    '--kube-version',
    '1.28.0',
  ],
  ['no version', { ...MODULE, module: 'mod-users' }, /module/],
  ['upper case', { ...MODULE, module: 'Mod-users-1.0.0' }, /module/],
  ['no trust domain', { ...MODULE, trustDomain: '' }, /trustDomain is missing/],
  ['no policy', { ...MODULE, policy: {} }, /policy\.packed is missing/],
  [
    'a policy no ConfigMap holds',
    { ...MODULE, policy: { packed: 'x'.repeat(1_000_001) } },
    /larger than a ConfigMap/,
  ],
  ['no issuer', { ...MODULE, credentials: {} }, /issuer\.name is missing/],
  ['rules without nft', { ...MODULE, nftables: { enabled: true } }, /nftables\.image is missing/],
  ['the sidecar’s own user', { ...MODULE, workload: { image: 'x', runAsUser: 65532 } }, /65532/],
  ['root', { ...MODULE, workload: { image: 'x', runAsUser: 0 } }, /runAsUser/],
  [
    'a public listener without certificate',
    { ...OKAPI, public: { enabled: true } },
    /public\.secret/,
  ],
  [
    'the module twice',
    { ...MODULE, patch: { deployment: 'mod-users' } },
    /workload\.image and patch\.deployment are both set/,
  ],
  [
    'several Okapis that each know their own tokens',
    { ...OKAPI, config: { policy: { tokens: 'enforce' } }, workload: { replicas: 2 } },
    /config\.policy\.tokens is enforce and workload\.replicas is 2; .* write report/,
  ],
  [
    'any number of Okapis that each know their own tokens',
    { ...OKAPI, config: { policy: { tokens: 'enforce' } }, workload: { replicas: null } },
    /config\.policy\.tokens is enforce and workload\.replicas is null \(any number\); .* write report/,
  ],
  [
    'a gateway in plain',
    { ...MODULE, config: { egress: { gateway: 'http://okapi:9130' } } },
    /config\.egress\.gateway: http:\/\/okapi:9130 leads nowhere; write https:/,
  ],
  [
    'a module without http://',
    { ...MODULE, config: { ingress: { forward: '127.0.0.1:8081' } } },
    /config\.ingress\.forward: 127\.0\.0\.1:8081 leads nowhere; write http:/,
  ],
  [
    'modules in plain',
    { ...OKAPI, config: { egress: { modules: { address: 'http://{product}:8081' } } } },
    /config\.egress\.modules\.address: .* it begins with https:/,
  ],
  ['an unknown value', { ...MODULE, sidecars: true }, /sidecars/],
  [
    'an unknown key of the configuration',
    { ...MODULE, config: { ingress: { listn: 'x' } } },
    /listn/,
  ],
]
withHelm('addresses as a person may write them are taken', async (t) => {
  for (const gateway of ['https://okapi.folio.svc.cluster.local.:8443', 'https://[fd00::7]:8443']) {
    await t.notThrowsAsync(render({ ...MODULE, config: { egress: { gateway } } }))
  }
})
for (const [what, values, why, ...more] of REFUSED) {
  withHelm(`refused: ${what}`, async (t) => {
    const error = await t.throwsAsync(render(values, more))
    t.regex(error!.message, why)
  })
}
