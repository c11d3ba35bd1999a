import type { Attack } from '../attack.ts'
import { ordinaryRequest } from '../calls.ts'
import type { Context } from '../context.ts'
import { send } from '../conversation.ts'
import { findingOf } from '../finding.ts'
import { hostLine } from '../http.ts'

/** The target; a text is appended to the ordinary path. */
type TargetRow = readonly [
  id: string,
  title: string,
  target: string | ((context: Context) => string),
]

const ROWS: readonly TargetRow[] = [
  // WHATWG URL parsers and Windows read it as a slash.
  ['path-backslash', 'a backslash for a slash', '\\..\\admin'],
  // Decoders throw, replace it or keep it: three readers see three paths.
  ['path-broken-percent', 'a broken escape: %zz', '/%zz'],
  // Node, nginx and Tomcat resolve dot segments (RFC 3986 section 5.2.4); Okapi matches them raw.
  ['path-dot-dot', 'a dot segment: /..', '/../admin/jstack'],
  // One reader decodes it once, the next one decodes it again.
  ['path-double-encoded', 'twice encoded dots: %252e', '/%252e%252e%252fadmin'],
  // Prefixes no longer match, and `//host/` is an authority to URL parsers.
  ['path-double-slash', 'an empty segment: //', ({ ordinaryPath }) => `/${ordinaryPath}`],
  // Decoded, it is the trick with the backslash.
  ['path-encoded-backslash', 'an encoded backslash: %5c', '/..%5c..%5cadmin'],
  // WHATWG URL parsers resolve %2e%2e as a dot segment.
  ['path-encoded-dots', 'encoded dots: /%2e%2e/', '/%2e%2e/admin/jstack'],
  // Decoded too early, the path ends there.
  ['path-encoded-hash', 'an encoded hash: %23', '/x%23/admin'],
  // The same path to Vert.x and Spring (RFC 3986 section 6.2.2.2), but another one to the allow-list.
  ['path-encoded-letter', 'an encoded letter: %61', ({ ordinaryPath }) => encodedEnd(ordinaryPath)],
  // Decoded into a log or a head, it begins a new line.
  [
    'path-encoded-line-end',
    'an encoded line end: %0d%0a',
    '/x%0d%0aX-Okapi-Permissions:%20perms.all',
  ],
  // Decoded too early, the rest of the path is a query.
  ['path-encoded-question-mark', 'an encoded question mark: %3f', '/x%3fy'],
  // Decoded once, it begins another escape.
  ['path-encoded-percent', 'an encoded percent: %25', '/x%2541'],
  // Decoded too early, it is a path parameter.
  ['path-encoded-semicolon', 'an encoded semicolon: %3b', '/x%3by'],
  // If `%3b` is allowed: a reader that decodes it cuts off the parameter, and the dots are left.
  ['path-encoded-semicolon-dots', 'dots behind an encoded semicolon: ..%3b', '/..%3b/admin'],
  // If `%2f` is allowed: the segment after it may still be dots.
  ['path-encoded-slash-dots', 'dots between encoded slashes: x%2f..', '/x%2f..%2f..%2fadmin'],
  // Okapi's `{id}` matches the raw segment; a module behind Okapi decodes it and leaves the route.
  ['path-encoded-slash', 'a path trick: /..%2f in an id', '/..%2f..%2fadmin%2fjstack'],
  // Okapi cuts the path there (RoutingEntry.fastMatch), others do not.
  ['path-hash', 'a raw # in the target', '#/../admin'],
  // Filters for `..` and `%2e%2e` miss the mixture.
  ['path-mixed-dots', 'half encoded dots: /.%2e/', '/.%2E/admin/jstack'],
  // C strings end there, the allow-list reads on.
  ['path-nul', 'an encoded NUL: %00', '/x%00.json'],
  // RFC 3629 section 3 forbids it; lax decoders read a slash.
  ['path-overlong-utf8', 'overlong UTF-8 for a slash: %c0%af', '/..%c0%af..%c0%afadmin/jstack'],
  // RFC 9112 section 3.2 does not allow such bytes in a target; readers guess the charset.
  ['path-raw-utf8', 'raw bytes above ASCII', '/\xe2\x80\xae'],
  // Tomcat resolves `..;` as a dot segment (a well-known problem behind proxies).
  ['path-semicolon-dots', 'dots behind a semicolon: /..;/', '/..;/admin/jstack'],
  // The same if `;` is allowed because of a parameter.
  ['path-semicolon-parameter-dots', 'dots with a parameter: /..;x=y/', '/..;x=y/admin/jstack'],
  // Tomcat and Jetty cut `;…` off each segment before they route.
  ['path-semicolon', 'a path parameter: ;x=y', ';/../admin/jstack'],
  // File systems and some routers fold case, the allow-list does not.
  [
    'path-upper-case',
    'another case: /_/PROXY, /ADMIN',
    ({ role }) => (role === 'okapi' ? '/_/PROXY/tenants' : '/ADMIN/jstack'),
  ],
  // RFC 9112 section 3.2.2: a server must use its host instead of the Host line.
  [
    'target-absolute',
    'a target with scheme and host',
    ({ ordinaryPath }) => `http://127.0.0.1:9${ordinaryPath}`,
  ],
  // RFC 9112 section 3.2.4: only OPTIONS has such a target.
  ['target-asterisk', 'an asterisk for a target', () => '*'],
  // RFC 9112 section 3.2.3: only CONNECT has such a target.
  ['target-authority', 'an authority for a target', ({ target }) => hostLine(target)],
  // Lax readers use the last word as the version, or the first as the target.
  ['target-blank', 'a blank inside the target', ' /admin'],
  // Lax readers split the request line at any white space (RFC 9112 section 3).
  ['target-tab', 'a TAB inside the target', '\t/admin'],
  // Appended to an upstream’s authority, it becomes part of the host name.
  [
    'target-without-slash',
    'a target without its slash',
    ({ ordinaryPath }) => `@127.0.0.1${ordinaryPath}`,
  ],
]

/** The path with its last character percent-encoded. */
function encodedEnd(path: string): string {
  return `${path.slice(0, -1)}%${path.charCodeAt(path.length - 1).toString(16)}`
}

/** GETs whose target two readers understand as different paths. */
export const TARGET_ATTACKS: readonly Attack[] = ROWS.map(([id, title, target]) => ({
  id,
  group: 'target',
  title,
  meaning: 'The allow-list judges one path, the module serves another.',
  judged: 'Any answer but a refusal means that the target was taken as it is and passed on.',
  remedy:
    'Refuse ambiguous targets before anything is matched, and forward the bytes that were checked.',
  async run(context) {
    const text = typeof target === 'string' ? `${context.ordinaryPath}${target}` : target(context)
    return findingOf(await send(context, ordinaryRequest(context, { target: text })))
  },
}))
