import test from 'ava'
import { Dialer } from '../../src/transport/dial.ts'
import { Authority, type Issued, materialOf } from './authority.ts'
import { Client, Folder } from './openssl.ts'
import { dialerTo, dialOnce, liveById, only, openRecorder, openTestListener } from './peers.ts'
import { realJudge } from './real-judge.ts'

// RFC 8446 4.4.2: a peer's intermediates may come in any order, with others among them.

const root = new Authority('root')
const upper = root.intermediate('upper')
const lower = upper.intermediate('lower')
const stranger = new Authority('stranger')
// The same names as the real ones, with other keys.
const twin = new Authority('root').intermediate('upper').intermediate('lower')
const own = root.issue('okapi-7.2.0')
const peer = lower.issue('mod-notes-7.0.0')
const twins = twin.issue('mod-notes-7.0.0')

const leaf = first(peer.cert)
const ORDERS: readonly (readonly [string, readonly string[]])[] = [
  ['as it should be', [leaf, lower.cert, upper.cert]],
  ['the intermediates the other way round', [leaf, upper.cert, lower.cert]],
  ['the root between them', [leaf, upper.cert, root.cert, lower.cert]],
  ['another authority before them', [leaf, stranger.cert, upper.cert, lower.cert]],
  ['one of them twice', [leaf, upper.cert, lower.cert, upper.cert]],
  ['in order, and another authority last', [leaf, lower.cert, upper.cert, stranger.cert]],
]

function first(pems: string): string {
  const end = '-----END CERTIFICATE-----\n'
  return pems.slice(0, pems.indexOf(end) + end.length)
}

/** The judge of the product, and how often it asked for all that a peer sent. */
function countingJudge() {
  const judge = realJudge([root])
  const asked = { times: 0 }
  const authenticator: typeof judge = (facts) => {
    const allSent = () => {
      asked.times++
      return facts.allSent()
    }
    return judge({ ...facts, allSent })
  }
  return { authenticator, asked }
}

async function callListener(
  authenticator: ReturnType<typeof realJudge>,
  calling: Issued,
  version: string,
): Promise<string> {
  const folder = new Folder()
  const ingress = await openTestListener({ material: materialOf(own, [root]), authenticator })
  const address = ['-connect', `127.0.0.1:${ingress.port}`, version, '-quiet']
  const client = new Client([...address, ...folder.shown(calling)])
  client.type('GET / HTTP/1.1\r\n\r\n')
  await client.says(/hello|X-Sidecar-Refused/)
  const said = client.output
  await ingress.close()
  await client.end()
  return said
}

for (const [order, pems] of ORDERS) {
  const shown = { ...peer, cert: pems.join('') }

  for (const version of ['-tls1_2', '-tls1_3']) {
    test(`openssl s_client ${version} is let in: ${order}`, async (t) => {
      const { authenticator, asked } = countingJudge()
      t.regex(await callListener(authenticator, shown, version), /hello mod-notes-7\.0\.0/)
      const once = asked.times
      t.regex(await callListener(authenticator, shown, version), /hello mod-notes-7\.0\.0/)
      t.is(asked.times, once, 'the second time its intermediates are known')
    })
  }

  test(`a server is believed: ${order}`, async (t) => {
    const { authenticator } = countingJudge()
    const { key, cert } = shown
    const server = await openRecorder({ key, cert, ca: root.cert })
    const material = materialOf(own, [root])
    const tls = { material: () => material, authenticator, fits: only(peer.name), live: liveById() }
    const { refusal, identity, socket } = await dialOnce(new Dialer(dialerTo([server.port], tls)))
    t.is(refusal, null)
    t.is(identity, peer.name)
    socket?.destroy()
    await server.close()
  })
}

test('authorities with the names of ours, in any order, are not trusted', async (t) => {
  const { authenticator } = countingJudge()
  const good = { ...peer, cert: [leaf, upper.cert, lower.cert].join('') }
  const [, lowerTwin = '', upperTwin = ''] = twins.cert.split(/(?<=-----END CERTIFICATE-----\n)/)
  const bad = { ...twins, cert: [first(twins.cert), upperTwin, lowerTwin].join('') }
  t.regex(await callListener(authenticator, good, '-tls1_3'), /hello/)
  t.regex(
    await callListener(authenticator, bad, '-tls1_3'),
    /X-Sidecar-Refused: untrusted-certificate/,
  )
})
