import type { StatusFacts } from '../../src/observe/status/facts.ts'
import { History } from '../../src/observe/status/history.ts'

const NOW = Date.UTC(2026, 10, 22, 2, 30)
const HOUR = 3_600_000

/** Facts as a busy Okapi with 80 modules would show them; everything is made from the index. */
export function busyFacts(over: Partial<StatusFacts> = {}): StatusFacts {
  const history = new History()
  const modules = Array.from(
    { length: 80 },
    (_, i) => `mod-${WORDS[i % WORDS.length]}-${i}-1.${i}.0`,
  )
  for (let i = 0; i < 4000; i++) {
    const time = NOW - 600_000 + i * 150
    history.ended(
      modules[(i * i) % 80]!,
      i % 97 === 0 ? 502 : 200,
      i % 53 === 0,
      5 + (i % 40),
      time,
    )
  }
  history.tooMany(modules[3]!, true, 'exchangesToModule', NOW - 20_000)
  history.tooMany('public/192.0.2.7', false, 'connections', NOW - 30_000)
  for (let i = 0; i < 12; i++) {
    history.refused({
      timeMs: NOW - (12 - i) * 40_000,
      direction: 'ingress',
      caller: modules[i]!,
      from: `10.1.2.${i}`,
      at: 'okapi',
      method: 'GET',
      route: '/users/{id}',
      status: 403,
      reason: i % 4 === 0 ? 'admin-route' : 'interface-not-required',
      because: `${modules[i]} may not GET /users/{id}: it is in interface \`users\` 16.5 of mod-users-19.7.0, which it neither requires nor lists as optional; no grant allows it`,
      requestId: `00${i}/users`,
      passed: i % 5 === 1,
    })
  }
  return {
    module: 'okapi-7.2.0',
    host: 'okapi-0',
    version: '0.1.0',
    trustDomain: 'folio.example.org',
    nowMs: NOW,
    startedMs: NOW - 30 * HOUR,
    concurrency: { limit: 64, open: 12 },
    ready: true,
    draining: false,
    awaiting: [],
    remarks: {},
    log: { lost: 0, trouble: null },
    listening: { ingress: '[::]:8443', modules: '127.0.0.1:20000-20199', admin: '[::]:9901' },
    certificate: {
      uri: 'spiffe://folio.example.org/module/okapi-7.2.0',
      serial: '4f1c2a88b0d94e6f9a7d5c3b2e1f0a99',
      notBeforeMs: NOW - 6 * HOUR,
      notAfterMs: NOW + 18 * HOUR,
      generation: 12,
    },
    roots: [
      {
        subject: 'CN=FOLIO root 2026',
        fingerprint: '9d2f'.repeat(16),
        notBeforeMs: NOW - 4000 * HOUR,
        notAfterMs: NOW + 40_000 * HOUR,
      },
    ],
    revocationListsEndMs: NOW + 200 * HOUR,
    policy: {
      mode: 'enforce',
      hash: '3b7e'.repeat(16),
      descriptors: 81,
      callers: modules.map((name) => ({
        name,
        what: '4 required, 2 optional interfaces',
        rule: 'descriptor',
      })),
      callees: modules.map((name, i) => ({ name, what: `interface-${i} 1.0`, rule: 'descriptor' })),
      tenants: ['held against tokens, enforced', 'consortium of east: college, university'],
      quarantine: ['mod-graphql, from 2026-12-01 on: CVE in its parser'],
      expiring: ['mod-tags at okapi: interface `users`, ends 2026-12-10'],
    },
    peers: history.peers,
    overShare: history.overShare,
    refusals: history.refusals,
    slices: history.slices(NOW),
    openConnections: 212,
    openExchanges: 37,
    process: { cpuPercent: 12, residentBytes: 84_300_000 },
    workers: [],
    plainBeyondLoopback: null,
    migration: null,
    tokens: null,
    audit: {
      to: '/var/log/okapi-sidecar/audit.log',
      trouble: null,
      lost: 0,
      whenUnwritable: 'block',
      entries: {},
      chain: 'a9d5',
      seq: 144,
      head: `144:${'5663'.repeat(16)}`,
    },
    ...over,
  }
}

const WORDS = [
  'users',
  'inventory',
  'orders',
  'circulation-storage',
  'finance',
  'notes',
  'data-import',
]
