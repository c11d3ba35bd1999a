import { SMUGGLED, type Trick } from './trick.ts'

const get = (target: string) => `GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n${SMUGGLED}`

const PATHS: readonly (readonly [what: string, kin: string, path: string])[] = [
  ['two slashes', 'Istio CVE-2021-31920', '//admin'],
  ['two slashes within', 'Envoy CVE-2021-29492', '/a//admin'],
  ['two slashes at the end', 'Istio CVE-2021-31920', '/a//'],
  ['..', 'Traefik CVE-2026-40912', '/a/../admin'],
  ['.. at the end', 'Traefik CVE-2026-40912', '/a/..'],
  ['.', 'Envoy CVE-2019-9901', '/./admin'],
  ['%2e%2e', 'Traefik CVE-2026-48020', '/api%2e%2e/admin'],
  ['.%2e', 'Traefik CVE-2026-48020', '/a/.%2e/admin'],
  ['%2E', 'Traefik CVE-2026-48020', '/a/%2E/admin'],
  ['%2f', 'Envoy CVE-2021-29492', '/a%2fadmin'],
  ['%2F', 'Envoy CVE-2021-29492', '/a%2Fadmin'],
  ['%5c', 'Envoy CVE-2021-29492', '/a%5cadmin'],
  ['a backslash', 'Envoy CVE-2021-29492', '/a\\admin'],
  ['.. with backslashes', 'Envoy CVE-2021-29492', '/a\\..\\admin'],
  ['%00', 'Envoy CVE-2019-9901', '/a%00/admin'],
  ['a line end in %', 'request splitting', '/a%0d%0aHost:%20evil'],
  ['%01', 'Envoy CVE-2019-9901', '/a%01'],
  ['%7f', 'Envoy CVE-2019-9901', '/a%7F'],
  ['a letter in %', 'RFC 3986 6.2.2.2', '/%61dmin'],
  ['a hyphen in %', 'RFC 3986 6.2.2.2', '/a%2dmin'],
  ['a digit in %', 'RFC 3986 6.2.2.2', '/a/%31'],
  ['an overlong slash', 'Tomcat CVE-2008-2938', '/a%c0%afadmin'],
  ['an overlong letter', 'Tomcat CVE-2008-2938', '/%c1%a1dmin'],
  ['Latin-1 in %', 'two readers, two letters', '/%e4'],
  ['a path parameter', 'Tomcat path parameters', '/a;x=y/admin'],
  ['..;', 'Tomcat path parameters', '/a/..;/admin'],
  ['%3b', 'Tomcat path parameters', '/a%3bx'],
  ['a fragment', 'Envoy CVE-2021-32779', '/a#/../admin'],
  ['%23', 'Envoy CVE-2021-32779', '/a%23/admin'],
  ['%3f', 'double decoding', '/a%3f/admin'],
  ['encoded twice', 'Istio CVE-2021-31920', '/a%252fadmin'],
  ['encoded dots twice', 'Traefik CVE-2026-48020', '/%252e%252e/admin'],
  ['a % alone', 'double decoding', '/a%'],
  ['% and one digit', 'double decoding', '/a%2'],
  ['% and no digits', 'double decoding', '/a%zz'],
  ['%u', 'IIS double decoding', '/a%u002fadmin'],
  ['raw UTF-8', 'request splitting (undici CVE-2022-35948)', '/\xc4\x8d'],
  ['a tab', 'Node CVE-2018-12116', '/a\tb'],
  ['DEL', 'Node CVE-2018-12116', '/a\x7f'],
  ['NUL', 'Node CVE-2018-12116', '/a\0'],
  ['a bare CR', 'Node CVE-2018-12116', '/a\rb'],
]

const FORMS: readonly (readonly [what: string, kin: string, bytes: string])[] = [
  ['absolute form', 'http-proxy-middleware CVE-2026-55602', get('http://evil{P}/a')],
  ['absolute form, another scheme', 'http-proxy-middleware CVE-2026-55602', get('gopher://evil/')],
  ['authority form', 'OPA-Envoy CVE-2026-26205', get('evil:80')],
  ['an asterisk', 'RFC 9112 3.2.4', get('*')],
  ['no slash', 'OPA-Envoy CVE-2026-26205', get('admin')],
  ['CONNECT', 'tunnel', `CONNECT evil:80 HTTP/1.1\r\nHost: evil\r\n\r\n${SMUGGLED}`],
  ['TRACE', 'cross-site tracing', `TRACE {P}/a HTTP/1.1\r\nHost: x\r\n\r\n${SMUGGLED}`],
  ['an unknown method', 'method confusion', `GETX {P}/a HTTP/1.1\r\nHost: x\r\n\r\n`],
  ['a method in small letters', 'method confusion', `get {P}/a HTTP/1.1\r\nHost: x\r\n\r\n`],
  ['HTTP/0.9', 'request splitting', 'GET {P}/a\r\n'],
  ['HTTP/2 in a line of HTTP/1', 'h2 preface', get('{P}/a').replace('1.1', '2.0')],
  ['the preface of HTTP/2', 'h2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['a blank behind the version', 'Node CVE-2025-23167', get('{P}/a').replace('1.1\r', '1.1 \r')],
  [
    'a line feed alone behind the request line',
    'Node CVE-2022-32214',
    get('{P}/a').replace('\r\n', '\n'),
  ],
  ['an empty line first', 'Node CVE-2025-23167', `\r\n${get('{P}/a')}`],
  ['a blank first', 'request splitting', ` ${get('{P}/a')}`],
  ['a long request line', 'Slowloris', get(`{P}/${'a'.repeat(20_000)}`)],
]

const HARMLESS = [
  '/a?x=..//%2f;#\\%',
  '/a..b/...',
  '/.a/a.',
  '/%20%c3%a4/%E2%82%AC',
  '/~a/b:c@d',
  '/a?/../',
]

/** Everything about what is asked. */
export const TARGETS: readonly Trick[] = [
  ...PATHS.map(([what, kin, path]) => ({
    what,
    kin,
    bytes: get(`{P}${path}`),
    becomes: 'refused' as const,
  })),
  ...FORMS.map(([what, kin, bytes]) => ({ what, kin, bytes, becomes: 'refused' as const })),
  ...HARMLESS.map((path) => ({
    what: `the target ${path}`,
    kin: 'what is allowed',
    bytes: `GET {P}${path} HTTP/1.1\r\nHost: x\r\n\r\n`,
    becomes: 'crosses' as const,
  })),
]
