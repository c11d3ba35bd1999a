import { runKafka } from '../../test/support/kafka/program.ts'
import { LOAD_CPU } from '../measure/pinning.ts'
import { cpuNanosOfAllThreads } from '../measure/proc.ts'
import type { Plan } from '../measure/rounds.ts'
import { figure, ratio } from '../report/numbers.ts'
import { columns } from '../report/tables.ts'
import { median, pairedRatios, spread } from '../stats.ts'
import { KAFKA_JVM, type KafkaWay, openKafkaSite, TOPIC } from './site.ts'

const RECORD_BYTES = 1024
const RECORDS = 300_000
const MB = (RECORDS * RECORD_BYTES) / 1e6

interface Sample {
  /** CPU time of the proxy for each MB of records, in microseconds; 0: there is none. */
  readonly cpuMicros: number
  readonly mbPerSecond: number
}

/** One way under one load: medians of the rounds. */
export interface KafkaRow extends Sample {
  readonly load: string
  readonly candidate: string
  /** CPU over that of stunnel in the same round: median, least, most. */
  readonly overStunnel: ReturnType<typeof spread> | undefined
}

/** `npm run bench -- --kafka`: the sidecar, stunnel and TLS of the client by turns before one broker. */
export async function kafkaStudy({ rounds, progress }: Plan): Promise<readonly KafkaRow[]> {
  progress('Kafka, certificates and a bundle', 0, 1)
  const site = await openKafkaSite()
  try {
    const rows: KafkaRow[] = []
    for (const [load, measure] of [
      ['produce 1 KB', produce],
      ['consume 1 KB', consume],
    ] as const) {
      const samples = new Map<KafkaWay, Sample[]>(site.ways.map((way) => [way, []]))
      // The first round warms up, and is left out.
      for (let round = -1; round < rounds; round++) {
        for (const k of site.ways.keys()) {
          const way = site.ways[(k + round + 1) % site.ways.length]!
          progress(`${load}: ${way.candidate}, round ${round + 1}`, Math.max(0, round), rounds)
          const sample = await measure(way, `bench-${round}-${k}`)
          if (round >= 0) samples.get(way)!.push(sample)
        }
      }
      rows.push(...rowsOf(load, samples))
    }
    return rows
  } finally {
    await site.close()
  }
}

function produce(way: KafkaWay): Promise<Sample> {
  return measured(way, 'ProducerPerformance', [
    ...['--topic', TOPIC, '--num-records', String(RECORDS), '--record-size', String(RECORD_BYTES)],
    ...['--throughput', '-1', '--command-config', way.properties, '--command-property'],
    ...[`bootstrap.servers=${way.bootstrap}`, 'acks=1', 'linger.ms=5', 'batch.size=65536'],
  ])
}

function consume(way: KafkaWay, group: string): Promise<Sample> {
  return measured(way, 'ConsumerPerformance', [
    ...['--bootstrap-server', way.bootstrap, '--topic', TOPIC, '--num-records', String(RECORDS)],
    ...['--group', group, '--command-config', way.properties, '--timeout', '60000'],
  ])
}

async function measured(
  { process, candidate }: KafkaWay,
  tool: 'ProducerPerformance' | 'ConsumerPerformance',
  args: readonly string[],
): Promise<Sample> {
  const cpu = () => (process === undefined ? 0 : cpuNanosOfAllThreads(process.pid))
  const before = cpu()
  const { code, out, err } = await runKafka(tool, args, {
    under: ['taskset', '-c', String(LOAD_CPU)],
    jvm: KAFKA_JVM,
  })
  const rate = perSecond(tool, out)
  if (code !== 0 || !(rate > 0)) throw new Error(`${tool} by ${candidate}: ${out}${err}`)
  return { cpuMicros: (cpu() - before) / 1000 / MB, mbPerSecond: rate }
}

/** MiB a second as the tool says it, in MB; without its own start. */
function perSecond(tool: string, out: string): number {
  const lines = out.trimEnd().split('\n')
  const last = lines.at(-1) ?? ''
  if (tool === 'ProducerPerformance') {
    return Number(/\(([\d.]+) MB\/sec\)/.exec(last)?.[1]) * 1.048576
  }
  // start, end, MB, MB/s, records, records/s, rebalance ms, fetch ms, fetch MB/s, fetch records/s
  return Number(last.split(',')[8]) * 1.048576
}

function rowsOf(
  load: string,
  samples: ReadonlyMap<KafkaWay, readonly Sample[]>,
): readonly KafkaRow[] {
  const cpu = (seen: readonly Sample[]) => seen.map(({ cpuMicros }) => cpuMicros)
  const stunnel = [...samples].find(([{ candidate }]) => candidate === 'stunnel')?.[1] ?? []
  return [...samples].map(([{ candidate, process }, seen]) => ({
    load,
    candidate,
    cpuMicros: median(cpu(seen)),
    mbPerSecond: median(seen.map(({ mbPerSecond }) => mbPerSecond)),
    overStunnel: process === undefined ? undefined : spread(pairedRatios(cpu(seen), cpu(stunnel))),
  }))
}

/** As it is shown: CPU of a MB of records in microseconds. */
export function kafkaTable(rows: readonly KafkaRow[]): string {
  return columns(
    ['load', 'candidate', 'CPU us/MB', '/stunnel', 'MB/s'],
    rows.map(({ load, candidate, cpuMicros, overStunnel: over, mbPerSecond }, i) => [
      rows[i - 1]?.load === load ? '' : load,
      candidate,
      over === undefined ? '-' : figure(cpuMicros),
      over === undefined ? '-' : `${ratio(over.median)} (${ratio(over.least)}-${ratio(over.most)})`,
      figure(mbPerSecond),
    ]),
  )
}
