import { createHash } from 'node:crypto'
import test, { type ExecutionContext } from 'ava'
import fc from 'fast-check'
import type { AuditEntry } from '../../src/audit/entry.ts'
import { type AuditHead, Verification } from '../../src/audit/verification.ts'
import { sentence } from '../../src/fault.ts'
import { BEGINNING, hashedAnew, linesOf, placeOf } from '../support/audit.ts'

const ENTRIES: readonly AuditEntry[] = [
  { kind: 'start' },
  ...Array.from({ length: 8 }, (_, i): AuditEntry => ({ kind: 'exchange', tenant: `t${i}` })),
  { kind: 'stop' },
]
const LINES = linesOf(ENTRIES)

/** What is said of these lines; `cut`: the last one has no end. */
function verified(
  lines: readonly string[],
  more: { heads?: readonly AuditHead[]; amongOthers?: boolean; cut?: boolean } = {},
) {
  const { heads = [], amongOthers = false, cut = false } = more
  const verification = new Verification({ heads, amongOthers })
  lines.forEach((line, i) => {
    const whole = !(cut && i === lines.length - 1)
    verification.line(Buffer.from(line, 'latin1'), { file: 'f', line: i + 1 }, whole)
  })
  verification.end()
  return verification
}

/** The only error that is told of these lines. */
function wrong(t: ExecutionContext, lines: readonly string[], pattern: RegExp, more = {}): void {
  const { problems, isSound } = verified(lines, more)
  const errors = problems.filter(({ severity }) => severity === 'error').map(sentence)
  t.false(isSound)
  t.is(errors.length, 1, errors.join('\n'))
  t.regex(errors[0]!, pattern)
}

test('a trail that was not touched is sound, and is counted', (t) => {
  const { problems, chains, isSound } = verified(LINES)
  t.true(isSound)
  t.deepEqual(problems, [])
  t.like(chains[0], { module: 'mod-x-1.0.0', first: 1, last: 10, entries: 10, starts: 1, lost: 0 })
  t.is(chains.length, 1)
})

test('a line that was taken out', (t) => {
  wrong(t, LINES.toSpliced(4, 1), /^f:5: entry 5 is missing before entry 6$/)
  wrong(t, LINES.toSpliced(4, 3), /^f:5: entries 5 to 7 are missing before entry 8$/)
})

test('a line that was changed, with its hash and without', (t) => {
  const changed = LINES[4]!.replace('t3', 't9')
  wrong(t, LINES.with(4, changed), /^f:5: entry 5 was changed/)
  wrong(t, LINES.with(4, hashedAnew(changed)), /^f:6: entry 6 does not follow entry 5/)
  const { problems } = verified(LINES.with(4, LINES[4]!.replace('{', '{ ')))
  t.deepEqual(problems.map(sentence), [
    'f:5: this is not an entry: it was changed, or does not belong here',
    'f:6: entry 5 is missing before entry 6',
  ])
})

test('lines that were swapped, doubled, or put in', (t) => {
  const swapped = LINES.with(4, LINES[5]!).with(5, LINES[4]!)
  const { problems } = verified(swapped)
  t.deepEqual(problems.map(sentence), [
    'f:5: entry 5 is missing before entry 6',
    'f:6: entry 5 comes after entry 6: it was moved or duplicated',
  ])
  wrong(t, LINES.toSpliced(4, 0, LINES[3]!), /^f:5: entry 4 comes after entry 4/)
  const forged = linesOf([{ kind: 'exchange', tenant: 'forged' }], placeOf(LINES[3]!))
  const put = verified(LINES.toSpliced(4, 0, ...forged)).problems.map(sentence)
  t.deepEqual(put, [
    'f:6: entry 5 comes after entry 5: it was moved or duplicated',
    'f:7: entry 6 does not follow entry 5, which was changed or replaced',
  ])
})

test('a line that was added by hand, anywhere', (t) => {
  for (const at of [0, 4, LINES.length]) {
    const added = LINES.toSpliced(at, 0, 'nothing to see here')
    wrong(t, added, new RegExp(`^f:${at + 1}: this is not an entry`))
  }
})

test('an end that was cut off is seen by a head alone', (t) => {
  const head = { seq: 10, hash: placeOf(LINES[9]!).hash }
  t.true(verified(LINES.slice(0, 7)).isSound)
  t.true(verified(LINES, { heads: [head] }).isSound)
  wrong(t, LINES.slice(0, 7), /^entry 10 is not here: the head 10:.* and the trail ends at 7$/, {
    heads: [head],
  })
})

test('only a head shows that a trail was rewritten', (t) => {
  const anew = linesOf(ENTRIES.with(3, { kind: 'exchange', tenant: 'other' }))
  t.true(verified(anew).isSound)
  const heads = [{ seq: 7, hash: placeOf(LINES[6]!).hash }]
  wrong(t, anew, /^entry 7 is not the one that the head 7:/, { heads })
  t.true(verified(LINES, { heads }).isSound)
})

test('earlier files may be missing: the rotation entry says where this one began', (t) => {
  // What was under way when the file was moved stands before it.
  const rotated = linesOf(ENTRIES.with(4, { kind: 'rotation', behind: 3 }))
  const { chains, isSound } = verified(rotated.slice(3))
  t.true(isSound)
  t.like(chains[0], { first: 4, last: 10 })
  t.true(verified(rotated).isSound)
  for (const from of [1, 2, 4, 5]) {
    const cut = rotated.slice(from)
    wrong(t, cut, new RegExp(`^f:1: entries before ${from + 1} are missing: no entry says that`))
    t.true(verified(cut, { amongOthers: true }).isSound)
  }
})

test('lines that are taken off the beginning are missed', (t) => {
  wrong(t, LINES.slice(3), /^f:1: entries before 4 are missing/)
  wrong(t, LINES.slice(9), /^f:1: entries before 10 are missing/)
})

test('another chain behind it: nothing says what came before', (t) => {
  const other = linesOf(ENTRIES, { ...BEGINNING, chain: 'beef'.repeat(8) })
  wrong(t, [...LINES, ...other], /^f:11: another chain begins after entry 10/)
  const both = verified([...LINES, ...other], { amongOthers: true })
  t.true(both.isSound)
  t.is(both.chains.length, 2)
})

test('a first entry that names one before it', (t) => {
  const [line = ''] = linesOf([{ kind: 'start' }], { ...BEGINNING, hash: 'a'.repeat(64) })
  wrong(t, [line], /^f:1: entry 1 names an entry before it$/)
})

test('among other lines those are left out, but none that looks like an entry', (t) => {
  const log = '{"level":"info","msg":"exchange"}'
  const mixed = LINES.flatMap((line) => [log, line, 'Warning: from somewhere'])
  t.true(verified(mixed, { amongOthers: true }).isSound)
  t.false(verified(mixed).isSound)
  const taken = mixed.toSpliced(mixed.indexOf(LINES[4]!), 1)
  wrong(t, taken, /entry 5 is missing before entry 6$/, { amongOthers: true })
  const spoilt = mixed.with(mixed.indexOf(LINES[4]!), LINES[4]!.slice(0, 60))
  t.false(verified(spoilt, { amongOthers: true }).isSound)
})

test('chains of several sidecars in one stream are held apart', (t) => {
  const other = linesOf(ENTRIES, { ...BEGINNING, chain: 'beef'.repeat(8) })
  const mixed = LINES.flatMap((line, i) => [line, other[i]!])
  t.true(verified(mixed, { amongOthers: true }).isSound)
  t.false(verified(mixed.toSpliced(6, 1), { amongOthers: true }).isSound)
})

/** A process was killed in the middle of entry 6; the next one says so, as `stated` has it. */
function afterKill(rest: string, stated: object): string[] {
  const next = linesOf([{ kind: 'start', ...stated }, { kind: 'stop' }], placeOf(LINES[4]!))
  return [...LINES.slice(0, 5), ...(rest === '' ? [] : rest.split('\n')), ...next]
}

const torn = (rest: string) => ({
  torn: { bytes: rest.length, sha256: createHash('sha256').update(rest).digest('hex') },
})

test('a line cut by a kill is accepted where the next start states it', (t) => {
  for (const length of [1, 9, 60, LINES[5]!.length]) {
    const rest = LINES[5]!.slice(0, length)
    const lines = afterKill(rest, torn(rest))
    // Whole, only its line feed was missing: it reads as an entry, and the start is another sixth.
    if (length === LINES[5]!.length) continue
    const { isSound, problems } = verified(lines)
    t.true(isSound, problems.map(sentence).join('\n'))
    t.regex(sentence(problems[0]!), /^f:6: a line was cut here, which entry 6 states$/)
  }
})

test('two of them, one behind the other, are accepted too', (t) => {
  const rest = `${LINES[5]!.slice(0, 30)}\n${LINES[5]!.slice(0, 7)}`
  t.true(verified(afterKill(rest, torn(rest))).isSound)
})

test('a line that is cut and not stated so is not accepted', (t) => {
  const rest = LINES[5]!.slice(0, 60)
  wrong(t, afterKill(rest, {}), /^f:6: this is not an entry/)
  wrong(t, afterKill(rest, torn(`${rest} `)), /^f:6: this is not an entry/)
  wrong(t, afterKill(rest.replace('"', "'"), torn(rest)), /^f:6: this is not an entry/)
  const foreign = 'added by hand'
  wrong(t, afterKill(foreign, torn(foreign)), /^f:6: this is not an entry/)
  const other = rest.replace('"seq":6', '"seq":7')
  wrong(t, afterKill(other, torn(other)), /^f:6: this is not an entry/)
  const [ordinary = ''] = linesOf([{ kind: 'exchange', ...torn(rest) }], placeOf(LINES[4]!))
  wrong(t, [...LINES.slice(0, 5), rest, ordinary], /^f:6: this is not an entry/)
})

test('what a start states must be there', (t) => {
  const rest = LINES[5]!.slice(0, 60)
  wrong(t, afterKill('', torn(rest)), /^f:6: entry 6 states a cut line that is not here$/)
})

test('the last line without its end', (t) => {
  const cut = LINES.with(9, LINES[9]!.slice(0, 50))
  wrong(t, cut, /^f:10: the line of entry 10 has no end: its disk is full, /, { cut: true })
  wrong(t, LINES, /^f:10: the line of entry 10 has no end/, { cut: true })
})

test('a gap is reported, but not as an error', (t) => {
  const gap = { kind: 'gap', lost: 17, refused: 3, since: '2027-01-01T00:00:00.000Z' } as const
  const { isSound, problems, chains } = verified(
    linesOf([{ kind: 'start' }, gap, { kind: 'stop' }]),
  )
  t.true(isSound)
  const said =
    'f:2: entry 2 says that nothing could be written since 2027-01-01T00:00:00.000Z: 17 entries are missing, 3 exchanges were refused'
  t.is(sentence(problems[0]!), said)
  t.is(chains[0]?.lost, 17)
})

test('empty input is not a trail', (t) => {
  wrong(t, [], /^there is no entry of an audit trail here$/)
  wrong(t, ['{"level":"info"}'], /^there is no entry/, { amongOthers: true })
})

test('a file that is not a trail is reported with a bounded list', (t) => {
  const { problems } = verified(
    LINES.flatMap((line, i) => Array.from({ length: 40 }, () => (i % 2 ? line : 'x'))),
  )
  t.true(problems.length <= 51)
})

test('whatever one edit does to a trail, it is noticed', (t) => {
  const text = `${LINES.join('\n')}\n`
  const heads = [{ seq: 10, hash: placeOf(LINES[9]!).hash }]
  const edit = fc.record({
    at: fc.nat(text.length - 1),
    take: fc.nat(900),
    put: fc.oneof(fc.constant(''), fc.string(), fc.constantFrom(...LINES, '\n')),
  })
  fc.assert(
    fc.property(edit, ({ at, take, put }) => {
      const edited = text.slice(0, at) + put + text.slice(at + take)
      if (edited === text) return true
      const lines = edited.split('\n')
      const rest = lines.pop()
      if (rest !== '' && rest !== undefined) lines.push(rest)
      return !verified(lines, { heads, cut: rest !== '' }).isSound
    }),
    { numRuns: 400 },
  )
  t.pass()
})
