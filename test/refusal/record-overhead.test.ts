import test from 'ava'
import { RecordOverhead } from '../../src/refusal/record-overhead.ts'
import { LIMITS } from '../support/relay.ts'

/** A connection below TLS, and what is heard of it. */
class Line {
  bytesRead = 3000
  /** Decrypted, and not heard. */
  readableLength = 0
  toldBusy = 0
  #now = 0
  readonly #overhead = new RecordOverhead(this, this, 0)

  /** Records of this many bytes of data each, as TLS 1.3 writes them. */
  data(records: number, bytes: number): void {
    for (let i = 0; i < records; i++) {
      this.bytesRead += 22 + bytes
      this.#overhead.heard(bytes)
    }
  }

  busy(): void {
    this.toldBusy++
  }

  keyUpdates(count: number): void {
    this.bytesRead += 27 * count
  }

  /** What is to be paid for. */
  beyond(recordOverheadBytesPerSecond = 1024): number {
    return this.#overhead.beyond(this.#now, { ...LIMITS, recordOverheadBytesPerSecond })
  }

  /** Half a second later. */
  tick(recordOverheadBytesPerSecond = 1024): boolean {
    this.#now += 500
    return this.#overhead.isTooMuch(this.#now, { ...LIMITS, recordOverheadBytesPerSecond })
  }
}

test('data is no overhead, in records of any size, however much comes', (t) => {
  for (const bytes of [1, 40, 16_384]) {
    const line = new Line()
    for (let i = 0; i < 20; i++) {
      line.data(10_000, bytes)
      t.false(line.tick(), `${bytes}`)
    }
  }
})

test('a read that waits to be decrypted, again and again, is no overhead', (t) => {
  const line = new Line()
  for (let i = 0; i < 100; i++) {
    line.bytesRead += 4 * 16_406
    t.false(line.tick())
    line.bytesRead -= 4 * 16_406
    line.data(4, 16_384)
    t.false(line.tick())
  }
})

test('what waits in a connection that is paused is no overhead, and KeyUpdate messages beside it are', (t) => {
  const line = new Line()
  for (let i = 0; i < 100; i++) {
    line.bytesRead += 12 * 16_406
    line.readableLength += 12 * 16_384
    t.false(line.tick())
    line.bytesRead -= 12 * 16_406
    line.readableLength = 0
    line.data(12, 16_384)
    t.false(line.tick())
  }
  line.bytesRead += 12 * 16_406
  line.readableLength = 12 * 16_384
  line.keyUpdates(10_000)
  t.true(line.tick())
})

test('KeyUpdate messages beyond the rate are too much, with data among them or without', (t) => {
  for (const records of [0, 100]) {
    const line = new Line()
    let ticks = 0
    do {
      line.data(records, 100)
      line.keyUpdates(1000)
      ticks++
    } while (!line.tick() && ticks < 100)
    t.true(ticks >= 5 && ticks <= 6, `${ticks}`)
  }
})

test('a few small records are allowed, and 0 means no limit', (t) => {
  const few = new Line()
  const many = new Line()
  for (let i = 0; i < 1000; i++) {
    few.keyUpdates(18)
    t.false(few.tick())
    many.keyUpdates(10_000)
    t.false(many.tick(0))
  }
})

test('many records in one turn of the event loop are told once, whatever their size', async (t) => {
  const line = new Line()
  for (let turns = 1; turns <= 2; turns++) {
    line.data(255, 1)
    t.is(line.toldBusy, turns - 1)
    line.data(1000, 1)
    t.is(line.toldBusy, turns)
    await new Promise((resolve) => setImmediate(resolve))
  }
  for (let turns = 0; turns < 10; turns++) {
    line.data(200, 16_384)
    await new Promise((resolve) => setImmediate(resolve))
  }
  t.is(line.toldBusy, 2)
})

test('without TLS there is nothing to count', (t) => {
  const overhead = new RecordOverhead(null, { readableLength: 0 }, 0)
  t.false(overhead.isTooMuch(100_000, LIMITS))
})

test('only bytes without data, beyond the allowance for the whole time, are charged', (t) => {
  const line = new Line()
  line.data(1000, 300)
  line.keyUpdates(5000)
  t.true(line.beyond() > 120_000)
  t.true(line.beyond() <= 135_000)
  for (let i = 0; i < 200; i++) line.tick(2048)
  t.is(line.beyond(2048), 0)
  line.keyUpdates(50_000)
  t.is(line.beyond(0), 0, 'nothing is counted where there is no limit')
  t.true(line.beyond(2048) > 1_000_000)
})
