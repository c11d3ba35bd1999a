/** What every file beside this one exports: its usage text, then parse and run in one function. */
export interface Verb {
  /** Set by hand, 80 columns, with an example that can be copied. */
  readonly usage: string
  /** Resolves to the exit code: 0 fine, 1 the answer is no, 2 wrong usage or configuration. */
  run(argv: readonly string[]): Promise<number>
}

interface Entry {
  readonly summary: string
  /** Words that may follow, for usage and completion. */
  readonly words?: readonly string[]
  readonly load: () => Promise<Verb>
}

/** The verbs in the order of the usage text; each is loaded only when it is called. */
export const VERBS: Readonly<Record<string, Entry>> = {
  run: { summary: 'serve, as the image does', load: () => import('./run.ts') },
  check: {
    summary: 'configuration, credentials and policy: every problem, with its place',
    load: () => import('./check.ts'),
  },
  certs: {
    summary: 'make, look at and change certificates',
    words: [
      'init',
      'issue',
      'sign',
      'renew',
      'revoke',
      'status',
      'export',
      'rollover',
      'rehearse',
      'agent',
    ],
    load: () => import('./certs.ts'),
  },
  policy: {
    summary: 'question the allow-list',
    words: ['explain', 'matrix', 'diff', 'suggest', 'fetch', 'pack'],
    load: () => import('./policy.ts'),
  },
  probe: {
    summary: 'play the rogue module, and report what got through',
    load: () => import('./probe.ts'),
  },
  discovery: {
    summary: 'where Okapi should find the modules, and whether it does',
    load: () => import('./discovery.ts'),
  },
  health: {
    summary: 'is a sidecar ready? for images without a shell',
    load: () => import('./health.ts'),
  },
  status: {
    summary: 'what a running sidecar says of itself, as a table',
    load: () => import('./status.ts'),
  },
  demo: {
    summary: 'a small FOLIO on loopback, with a rogue in it',
    load: () => import('./demo.ts'),
  },
}

/** The usage text of the program itself. */
export function usage(): string {
  const verbs = Object.entries(VERBS).map(
    ([verb, { summary }]) => `    ${verb.padEnd(10)}${summary}`,
  )
  return `okapi-sidecar: a mutual-TLS proxy beside every FOLIO module

Usage:
    okapi-sidecar VERB [OPTIONS]
    okapi-sidecar help VERB
    okapi-sidecar --version

Verbs:
${verbs.join('\n')}

Example:
    okapi-sidecar check -c sidecar.yaml && okapi-sidecar run -c sidecar.yaml
`
}
