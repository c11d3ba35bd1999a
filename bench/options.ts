import { parseArgs } from 'node:util'
import { fault } from '../src/fault.ts'
import { SCENARIOS } from './scenarios.ts'

export const usage = `Usage: npm run bench [-- OPTIONS]

Sends the same load through two okapi-sidecars, two nginx, HAProxy, Envoy and Caddy
(client, plain in, mutual TLS between, plain out, backend), in turn, and compares the
CPU time that each request costs. About five minutes; a quiet machine gives calm
figures.

Options:
    --only LIST         some scenarios: ${SCENARIOS.map(({ name }) => name).join(',')}
    --candidates LIST   okapi-sidecar, okapi-sidecar-http1 (without the link),
                        nginx, haproxy, caddy, envoy (HTTP/2 between the two),
                        envoy-http1; by default all that are installed
    --checkout N=DIR    another checkout of this project, or a bundle, as candidate N;
                        as N-http1 too, where okapi-sidecar-http1 is measured; repeatable
    --node N=FILE       this checkout on another Node as candidate N; as N-http1 too, as above;
                        repeatable
    --busy              with other work on the proxies' CPU, which takes its caches as well
    --rounds N          4 by default, with --full 5
    --seconds N         of each measurement, 2 by default
    --workers N         several threads too, with the proxies on all CPUs; 2 with --full
    --full              latency at a fixed rate, handshakes, routes, log, tokens, connections,
                        body sizes, peers and a slow network as well; half an hour
    --second-line       caller, tenants and tokens judged against not, in the three
                        sidecars between two modules; nothing else
    --postgres          the database leg alone, beside PgBouncer and stunnel: pgbench -S
                        with 1, 16 and 64 clients, and COPY of 1 GiB each way
    --kafka             the Kafka leg alone, beside stunnel and clients that speak TLS:
                        producer-perf and consumer-perf with records of 1 KB
    --overload          one, two and four times the best rate, from callers that do not wait for
                        answers: what is served, and how soon the rest is refused
    --json FILE         the figures for programs

Exit codes: 0 measured, 1 something failed while measuring, 2 wrong usage, or a tool
is not installed
`

/** What a run is to do. */
export interface Options {
  readonly scenarios: readonly string[]
  readonly candidates: readonly string[]
  /** Name and directory of other checkouts. */
  readonly checkouts: ReadonlyMap<string, string>
  /** Name and program of other Nodes. */
  readonly nodes: ReadonlyMap<string, string>
  /** Other work beside the proxies, all the time. */
  readonly busy: boolean
  readonly rounds: number
  readonly seconds: number
  readonly full: boolean
  /** Threads to measure beside one; 1: none. */
  readonly workers: number
  readonly secondLine: boolean
  readonly postgres: boolean
  readonly kafka: boolean
  readonly overload: boolean
  readonly json: string | undefined
  readonly help: boolean
}

const CANDIDATES = [
  ...['okapi-sidecar', 'okapi-sidecar-http1'],
  ...['nginx', 'haproxy', 'caddy', 'envoy', 'envoy-http1'],
]

/** Throws a Fault, or what parseArgs throws, for wrong usage. */
export function parseOptions(argv: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      only: { type: 'string' },
      candidates: { type: 'string' },
      checkout: { type: 'string', multiple: true, default: [] },
      node: { type: 'string', multiple: true, default: [] },
      busy: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      seconds: { type: 'string', default: '2' },
      workers: { type: 'string' },
      full: { type: 'boolean', default: false },
      'second-line': { type: 'boolean', default: false },
      postgres: { type: 'boolean', default: false },
      kafka: { type: 'boolean', default: false },
      overload: { type: 'boolean', default: false },
      json: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  const names = SCENARIOS.map(({ name }) => name)
  return {
    scenarios: listed('--only', values.only, names),
    candidates: listed('--candidates', values.candidates, CANDIDATES),
    checkouts: named('--checkout', 'DIR', values.checkout),
    nodes: named('--node', 'FILE', values.node),
    busy: values.busy,
    rounds: positive('--rounds', values.rounds ?? (values.full ? '5' : '4')),
    seconds: positive('--seconds', values.seconds),
    workers: positive('--workers', values.workers ?? (values.full ? '2' : '1')),
    full: values.full,
    secondLine: values['second-line'],
    postgres: values.postgres,
    kafka: values.kafka,
    overload: values.overload,
    json: values.json,
    help: values.help,
  }
}

function listed(option: string, text: string | undefined, known: readonly string[]) {
  if (text === undefined) return known
  const chosen = text.split(',').filter(Boolean)
  const unknown = chosen.filter((name) => !known.includes(name))
  if (unknown.length > 0 || chosen.length === 0) {
    throw fault(`${option} knows ${known.join(', ')}; not ${unknown.join(', ') || 'nothing'}`)
  }
  return known.filter((name) => chosen.includes(name))
}

function named(option: string, what: string, texts: readonly string[]) {
  const pairs = texts.map((text): [string, string] => {
    const [, name, value] = /^([\w.-]+)=(.+)$/.exec(text) ?? []
    if (name === undefined || value === undefined)
      throw fault(`${option} is NAME=${what}, not ${text}`)
    if (CANDIDATES.includes(name)) throw fault(`${option} ${name}: that name is taken`)
    return [name, value]
  })
  return new Map(pairs)
}

function positive(option: string, text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw fault(`${option} is a number from 1, not ${text}`)
  return Number(text)
}
