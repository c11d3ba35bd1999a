import type { Attack } from '../attack.ts'
import { type Result, type Run, whose } from '../result.ts'

const SCHEMA = 'https://json.schemastore.org/sarif-2.1.0.json'

/** SARIF 2.1.0: a rule for each attack, a result for each verdict. `version` is this program's. */
export function sarifReport(run: Run, version: string): string {
  const attacks = [...new Set(run.results.map(({ attack }) => attack))]
  const document = {
    $schema: SCHEMA,
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'okapi-sidecar probe',
            version,
            rules: attacks.map(rule),
          },
        },
        invocations: [
          {
            executionSuccessful: run.results.every(({ outcome }) => outcome !== 'inconclusive'),
            startTimeUtc: run.startedAt.toISOString(),
          },
        ],
        results: run.results.map((result) => resultOf(run, result, attacks.indexOf(result.attack))),
      },
    ],
  }
  return `${JSON.stringify(document, null, 2)}\n`
}

function rule({ id, group, title, meaning, judged, remedy }: Attack) {
  return {
    id,
    name: id.replace(/(?:^|-)([a-z0-9])/g, (_all, letter: string) => letter.toUpperCase()),
    shortDescription: { text: title },
    fullDescription: { text: meaning },
    help: { text: `How the result is decided: ${judged}\nWhat to do: ${remedy}` },
    defaultConfiguration: { level: 'error' },
    properties: { tags: ['security', group] },
  }
}

/** Section 3.27.9: `kind` says whether the rule was met; `level` applies only to failures. */
function resultOf({ target }: Run, result: Result, ruleIndex: number) {
  const { attack, outcome, reason, because, evidence } = result
  const as = whose(result)
  const verdict = {
    blocked: { kind: 'pass', level: 'none' },
    'got-through': { kind: 'fail', level: 'error' },
    inconclusive: { kind: 'open', level: 'none' },
  }[outcome]
  const who = as === null ? '' : ` as ${as}`
  return {
    ruleId: attack.id,
    ruleIndex,
    ...verdict,
    message: { text: `${attack.title}${who}: ${outcome}; ${because}` },
    locations: [
      {
        physicalLocation: { artifactLocation: { uri: target } },
        logicalLocations: [{ fullyQualifiedName: target, kind: 'resource' }],
      },
    ],
    partialFingerprints: { 'attack/v1': `${attack.id}@${target}${who}` },
    properties: { reason, evidence },
  }
}
