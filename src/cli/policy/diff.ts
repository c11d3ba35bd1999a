import { parseArgs } from 'node:util'
import { differenceOf, trustDifferenceOf } from '../../analysis/difference.ts'
import { reachOf } from '../../analysis/reach.ts'
import { fault } from '../../fault.ts'
import { trustedIn } from '../../policy/descriptor-trust.ts'
import { differenceJson, differenceText } from './difference-text.ts'
import { installationOf, type SourceOptions } from './sources.ts'

const HINT = 'okapi-sidecar policy diff descriptors.before descriptors.after'

/** Shows what opens and closes from A to B; exit code 1 if anything opens. Throws a Fault for wrong usage. */
export async function run(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      descriptors: { type: 'string' },
      grants: { type: 'string' },
      'grants-a': { type: 'string' },
      'grants-b': { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  })
  const [before, after] = sidesOf(positionals, values)
  const [a, b] = [installationOf(before), installationOf(after)]
  const difference = {
    ...trustDifferenceOf(trustedIn(a.set), trustedIn(b.set)),
    ...differenceOf(reachOf(a), reachOf(b)),
  }
  const names = { a: positionals[0]!, b: positionals[1]! }
  process.stdout.write(
    values.json ? differenceJson(difference, names) : differenceText(difference, names),
  )
  return difference.opens.length + difference.trusts.length > 0 ? 1 : 0
}

interface Options {
  readonly descriptors?: string | undefined
  readonly grants?: string | undefined
  readonly 'grants-a'?: string | undefined
  readonly 'grants-b'?: string | undefined
}

/** A and B are descriptors, or with `--descriptors` two files of grants. */
function sidesOf(
  positionals: readonly string[],
  { descriptors, grants, 'grants-a': grantsA, 'grants-b': grantsB }: Options,
): readonly [SourceOptions, SourceOptions] {
  const [a, b, more] = positionals
  if (a === undefined || b === undefined || more !== undefined) {
    throw fault('diff takes two: before and after', { hint: HINT })
  }
  if (descriptors !== undefined) {
    if (grants !== undefined || grantsA !== undefined || grantsB !== undefined) {
      throw fault('with --descriptors, A and B are the grants', { hint: `${HINT} without them` })
    }
    return [
      { descriptors, grants: a },
      { descriptors, grants: b },
    ]
  }
  if (grants !== undefined && (grantsA !== undefined || grantsB !== undefined)) {
    throw fault('--grants holds for A and B: not with --grants-a or --grants-b', { hint: HINT })
  }
  return [
    { descriptors: a, grants: grantsA ?? grants },
    { descriptors: b, grants: grantsB ?? grants },
  ]
}
