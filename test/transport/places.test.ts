import test from 'ava'
import { ReservedPlaces } from '../../src/transport/reserved-places.ts'

/** One that takes all that it is allowed, beginning with none. */
function takeAll(places: ReservedPlaces): number {
  let own = 0
  while (places.allows(own)) {
    own++
    places.taken++
  }
  return own
}

/** Several that take and give back without end, each as often as the others. */
function contend(places: ReservedPlaces, callers: number, rounds: number): number[] {
  const own = Array<number>(callers).fill(0)
  for (let round = 0; round < rounds; round++) {
    for (const [i, has] of own.entries()) {
      // Each ends one and asks for two: it wants all that it can get.
      if (has > 0) {
        own[i]!--
        places.taken--
      }
      for (let more = 0; more < 2 && places.allows(own[i]!); more++) {
        own[i]!++
        places.taken++
      }
    }
  }
  return own
}

test('alone it is two thirds, and never all', (t) => {
  for (const all of [8, 100, 512, 1000, 1280, 4096]) {
    const places = new ReservedPlaces(all)
    const own = takeAll(places)
    t.is(own, places.mostOfOne, String(all))
    t.true(own >= (all * 21) / 32 - 2 && own <= (all * 21) / 32 + 3, `${own} of ${all}`)
    t.false(places.full)
  }
})

test('a later caller gets some, however many took all they could before', (t) => {
  const places = new ReservedPlaces(1000)
  const taken = Array.from({ length: 60 }, () => takeAll(places))
  t.deepEqual(taken.slice(0, 4), [657, 164, 41, 10])
  // As many as the kept part has room for have their few, and that is known before anybody comes.
  t.true(taken.every((own) => own >= 2))
  t.true(places.taken <= 1000)
})

test('callers that compete get equal parts', (t) => {
  for (const callers of [2, 3, 10, 60]) {
    const places = new ReservedPlaces(1000)
    const own = contend(places, callers, 5000)
    const fair = (21 * 1000) / (8 * (3 * callers + 1))
    for (const has of own) t.true(Math.abs(has - fair) <= 0.1 * fair + 3, `${own} for ${fair}`)
  }
})

test('one who has none is turned away only where all are taken', (t) => {
  for (let all = 1; all < 40; all++) {
    const places = new ReservedPlaces(all)
    let callers = 0
    while (!places.full) {
      t.true(places.allows(0), `${places.taken} of ${all}`)
      t.true(takeAll(places) > 0)
      callers++
    }
    t.false(places.allows(0))
    t.true(callers >= (all < 4 ? 1 : 2), `${callers} callers have all of ${all}`)
  }
})

test('a caller that stands for many leaves only the reserved eighth', (t) => {
  const places = new ReservedPlaces(1280)
  while (places.allowsMany) places.taken++
  t.is(places.taken, 1120)
  t.true(places.allows(0))
})

test('a place that was given back may be taken again', (t) => {
  const places = new ReservedPlaces(100)
  const own = takeAll(places)
  t.false(places.allows(own))
  places.taken--
  t.true(places.allows(own - 1))
})
