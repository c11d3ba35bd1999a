import test from 'ava'
import { BufferedBytes, type Holding } from '../../src/proxy/buffered-bytes.ts'
import { Share, type ShareKind } from '../../src/proxy/share.ts'

const MOST = 1_048_576
const KIB = 1024

class Connection implements Holding {
  heldForCaller: number
  shedding = 0

  constructor(bytes: number) {
    this.heldForCaller = bytes
  }

  /** A connection that was cut holds its bytes until its socket has closed. */
  shed(bytes: number): void {
    if (bytes <= 0) throw new Error('there is no need')
    this.shedding++
  }
}

const shareOf = (name: string, standing: ShareKind = 'proven') => new Share(name, standing, 100)

/** Connections that hold so much each, by caller. */
function holding(all: readonly (readonly [Share, number, number])[]): Map<Connection, Share> {
  return new Map(
    all.flatMap(([share, count, bytes]) =>
      Array.from({ length: count }, () => [new Connection(bytes), share] as const),
    ),
  )
}

test('a caller that has its share of the bytes opens no more, all others do', (t) => {
  const buffered = new BufferedBytes(MOST)
  const [tags, notes] = [shareOf('mod-tags-3.1.0'), shareOf('public/192.0.2.7', 'unproven')]
  t.true(buffered.allows(tags))
  buffered.weigh(holding([[tags, 10, 64 * KIB]]))
  t.is(tags.bufferedBytes, 640 * KIB)
  t.true(buffered.allows(tags))
  buffered.weigh(holding([[tags, 11, 64 * KIB]]))
  t.false(buffered.allows(tags))
  t.true(buffered.allows(notes))
  buffered.weigh(new Map())
  t.is(tags.bufferedBytes, 704 * KIB, 'it has left: nothing of it is weighed')
  t.true(buffered.allows(notes))
})

test('beside a module Okapi has all but the kept eighth; the module itself half', (t) => {
  const buffered = new BufferedBytes(MOST)
  const [okapi, own, anna] = [
    shareOf('okapi-7.2.0', 'okapi'),
    shareOf('mod-tags-3.1.0', 'own'),
    shareOf('operator/anna'),
  ]
  buffered.weigh(holding([[okapi, 13, 64 * KIB]]))
  t.true(buffered.allows(okapi))
  buffered.weigh(holding([[okapi, 14, 64 * KIB]]))
  t.false(buffered.allows(okapi))
  t.true(buffered.allows(own))
  t.true(buffered.allows(anna))
  buffered.weigh(holding([[own, 8, 64 * KIB]]))
  t.false(buffered.allows(own))
  t.true(buffered.allows(okapi))
})

test('after callers have filled it others are served at once, not when it is weighed again', (t) => {
  for (const bytes of [64 * KIB, 65 * KIB]) {
    const buffered = new BufferedBytes(MOST)
    const [much, other] = [shareOf('mod-tags-3.1.0'), shareOf('public/192.0.2.7', 'unproven')]
    buffered.weigh(holding([[much, 16, bytes]]))
    t.true(buffered.allows(other))
  }
})

test('beyond the limit the caller with the most gives up what it holds, as much as is needed', (t) => {
  const buffered = new BufferedBytes(MOST)
  const [much, little] = [shareOf('mod-tags-3.1.0'), shareOf('mod-notes-8.1.0')]
  const connections = holding([
    [little, 4, 64 * KIB],
    [much, 20, 64 * KIB],
    [little, 3, 0],
  ])
  buffered.weigh(connections)
  const left = (share: Share) =>
    [...connections].filter(([each, of]) => of === share && each.shedding === 0)
  t.is(left(little).length, 7)
  t.is(left(much).length, 10)
  t.is(much.bufferedBytes, 10 * 64 * KIB)
})
