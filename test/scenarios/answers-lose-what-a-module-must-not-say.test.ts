import test from 'ava'
import {
  answer,
  ask,
  field,
  get,
  ID,
  Installation,
  request,
  verdictOf,
} from '../support/scenario.ts'

let installation: Installation

test.before(async () => {
  installation = await Installation.open({ modules: [ID.users, ID.authtoken, ID.login] })
})
test.after.always(() => installation?.close())

const SAID = [
  'X-Okapi-Stop: true',
  'x-okapi-permissions: ["all"]',
  'X-Okapi-User-Id: admin',
  'X-Okapi-Tenant: other',
  'X-Okapi-Module-Id: mod-evil-1.0.0',
  'X-Okapi-Module-Tokens: {}',
  'X-Okapi-Url: http://evil',
  'X-Okapi-Unheard-Of: 1',
  'X-Okapi-Token: forged',
  'X-Sidecar-Refused: admin-route',
  'x-sidecar-anything: 1',
  'X-Accel-Redirect: /protected/users.csv',
  'x_sendfile: /etc/passwd',
  'Clear-Site-Data: "cookies"',
  'Strict-Transport-Security: max-age=0',
  'Set-Cookie: folioAccessToken=forged; Path=/; HttpOnly',
  'set-cookie: FOLIOREFRESHTOKEN=forged; Path=/authn',
  'Set-Cookie: =folioAccessToken=nameless',
  'Set-Cookie:  =  FolioRefreshToken=nameless; Path=/',
  'Set-Cookie: folioAccessToken',
  'Set-Cookie2: folioAccessToken=old',
  'Set-Cookie: theme=dark',
  'Set-Cookie: =theme=folioAccessToken',
  'Set-Cookie: notfolioAccessToken=1',
  'X-Okapi-Trace: POST mod-a-1 1000us',
  'X-Okapi-Trace: GET mod-b-1 2000us',
  'X-Okapi-Request-Id: 1/users',
  'X-Total: 3',
  'X-OkapiSomething: no okapi header at all',
]

/** What steers a web server in front of Okapi, or a browser for all of Okapi. */
const STEERS = /^(x-accel-|x_sendfile|clear-site-data|strict-transport-security)/i

const isToken = (line: string) => /^X-Okapi-Token|:[ =]*folio(access|refresh)token/i.test(line)
const isOrdinary = (line: string) =>
  !STEERS.test(line) && !/^x-sidecar-|^x-okapi-(?!trace|request-id)/i.test(line) && !isToken(line)

async function linesFrom(id: string, target: string): Promise<string[]> {
  installation.module(id).reply = () => answer('200 OK', SAID)
  const answered = await ask(
    installation.modules,
    request(`POST /${id}${target}`, ['X-Okapi-Tenant: diku']),
  )
  if (verdictOf(answered) !== '200') throw new Error(verdictOf(answered))
  return answered.lines.filter((line) => !line.startsWith('Content-Length'))
}

test.serial(
  'an ordinary module cannot steer Okapi’s pipeline or set session cookies',
  async (t) => {
    t.deepEqual(await linesFrom(ID.users, '/users'), SAID.filter(isOrdinary))
  },
)

test.serial(
  'of a provider of login: its token and its cookies stay, nothing else does',
  async (t) => {
    const kept = SAID.filter(
      (line) => isOrdinary(line) || (isToken(line) && !line.startsWith('Set-Cookie: notfolio')),
    )
    t.deepEqual(await linesFrom(ID.login, '/authn/refresh'), kept)
  },
)

test.serial(
  'of a module with an auth filter: everything but what only sidecars and web servers say',
  async (t) => {
    const kept = SAID.filter((line) => !/^x-sidecar-/i.test(line) && !STEERS.test(line))
    t.deepEqual(await linesFrom(ID.authtoken, '/any/path'), kept)
  },
)

test.serial('a forged refusal in an answer is not taken for one of a sidecar', async (t) => {
  installation.module(ID.users).reply = () =>
    answer('503 Down', ['X-Sidecar-Refused: module-unavailable', 'X-Reason: mine'])
  const answered = await ask(
    installation.modules,
    get(`/${ID.users}/users/1`, 'X-Okapi-Tenant: diku'),
  )
  t.is(verdictOf(answered), '503')
  t.is(field(answered, 'X-Reason'), 'mine')
})
