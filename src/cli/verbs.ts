import type { Verbs } from './verb.ts'

/** The verbs in the order of the usage text; each is loaded only when it is called. */
export const VERBS: Verbs = {
  run: { summary: 'serve', load: () => import('./run.ts') },
  check: {
    summary: 'check configuration, credentials and policy',
    load: () => import('./check.ts'),
  },
  certs: {
    summary: 'issue, inspect, renew and revoke certificates',
    load: () => import('./certs.ts'),
  },
  init: {
    summary: 'a folder with everything that an installation needs',
    load: () => import('./init.ts'),
  },
  policy: {
    summary: 'query and compare the allow-list',
    load: () => import('./policy.ts'),
  },
  postgres: {
    summary: 'database roles for modules, and what a database server says',
    load: () => import('./postgres.ts'),
  },
  kafka: {
    summary: 'rules of modules for Kafka as ACLs, and what a cluster enforces',
    load: () => import('./kafka.ts'),
  },
  consortia: {
    summary: 'which tenants belong together, according to FOLIO',
    load: () => import('./consortia.ts'),
  },
  probe: {
    summary: 'attack a target as a rogue module would, and report',
    load: () => import('./probe.ts'),
  },
  audit: {
    summary: 'has the audit trail of a sidecar been changed?',
    load: () => import('./audit.ts'),
  },
  discovery: {
    summary: 'what Okapi’s discovery should contain, and whether it does',
    load: () => import('./discovery.ts'),
  },
  health: {
    summary: 'is a sidecar ready?',
    load: () => import('./health.ts'),
  },
  status: {
    summary: 'the status of a running sidecar',
    load: () => import('./status.ts'),
  },
  leave: {
    summary: 'send callers to other addresses before a sidecar is stopped',
    load: () => import('./leave.ts'),
  },
  demo: {
    summary: 'a small FOLIO on loopback, with a rogue module in it',
    load: () => import('./demo.ts'),
  },
  completion: {
    summary: 'completion script for bash, zsh or fish',
    load: () => import('./completion.ts'),
  },
}

/** The usage text of the program itself. */
export function usage(): string {
  const verbs = Object.entries(VERBS).map(
    ([verb, { summary }]) => `    ${verb.padEnd(12)}${summary}`,
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
