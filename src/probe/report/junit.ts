import { escapeMarkup } from '../../html/markup.ts'
import { GROUPS, type Group } from '../attack.ts'
import { type NotTried, type Result, type Run, whose } from '../result.ts'

/**
 * JUnit XML for Jenkins and GitLab: a suite for each group, a failure for each attack that got
 * through, an error for each that could not be judged.
 */
export function junitReport(run: Run): string {
  const suites = (Object.keys(GROUPS) as Group[]).flatMap((group, id) => {
    const results = run.results.filter(({ attack }) => attack.group === group)
    const notTried = run.notTried.filter(({ attack }) => attack.group === group)
    return results.length + notTried.length === 0
      ? []
      : [suite(run, { id, group }, results, notTried)]
  })
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n${suites.join('')}</testsuites>\n`
}

function suite(
  run: Run,
  { id, group }: { id: number; group: Group },
  results: readonly Result[],
  notTried: readonly NotTried[],
): string {
  const of = (outcome: string) => results.filter((result) => result.outcome === outcome).length
  const took = results.reduce((sum, { tookMs }) => sum + tookMs, 0)
  const attributes = {
    id,
    package: 'okapi-sidecar.probe',
    name: `okapi-sidecar probe: ${GROUPS[group]}`,
    hostname: new URL(run.target).hostname,
    timestamp: run.startedAt.toISOString().slice(0, 19),
    tests: results.length + notTried.length,
    failures: of('got-through'),
    errors: of('inconclusive'),
    skipped: notTried.length,
    time: seconds(took),
  }
  const cases = [...results.map(testcase), ...notTried.map(skipped)].join('')
  // Ant's schema requires these three elements in this order; Jenkins' schema allows them.
  return `  <testsuite ${written(attributes)}>
    <properties/>
${cases}    <system-out/>
    <system-err/>
  </testsuite>
`
}

function testcase(result: Result): string {
  const { attack, outcome, because, evidence, tookMs } = result
  const who = whose(result)
  const name = who === null ? attack.title : `${attack.title}, as ${who}`
  const head = written({
    classname: className(attack.group),
    name: `${attack.id}: ${name}`,
    time: seconds(tookMs),
  })
  if (outcome === 'blocked') return `    <testcase ${head}/>\n`
  const element = outcome === 'got-through' ? 'failure' : 'error'
  const text = `${attack.meaning}\n\nsent:\n${evidence.sent}\n\nreceived:\n${evidence.received}\n`
  const inner = `<${element} ${written({ message: because, type: outcome })}>${escapeMarkup(text)}</${element}>`
  return `    <testcase ${head}>\n      ${inner}\n    </testcase>\n`
}

function skipped({ attack, why }: NotTried): string {
  const head = written({
    classname: className(attack.group),
    name: `${attack.id}: ${attack.title}`,
    time: '0',
  })
  return `    <testcase ${head}>\n      <skipped ${written({ message: why })}/>\n    </testcase>\n`
}

const className = (group: Group) => `probe.${group}`

function seconds(ms: number): string {
  return (ms / 1000).toFixed(3)
}

function written(attributes: Readonly<Record<string, string | number>>): string {
  return Object.entries(attributes)
    .map(([name, value]) => `${name}="${escapeMarkup(String(value))}"`)
    .join(' ')
}
