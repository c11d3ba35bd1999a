// Plain JavaScript on purpose: a network that is slower than the machine. Passes bytes between the two that
// connects and the target, no more than so many a second in all and in each direction.
import { connect, createServer } from 'node:net'

const [port, target, bytesPerSecond] = process.argv.slice(2).map(Number)
const SLICE_MS = 5
const share = (bytesPerSecond * SLICE_MS) / 1000

/** One direction of all connections together. */
class Line {
  waiting = []
  left = share

  pass(from, to) {
    from.on('data', (bytes) => {
      from.pause()
      this.waiting.push({ bytes, from, to })
      this.move()
    })
    from.on('end', () => to.end())
    from.on('error', () => to.destroy())
    from.on('close', () => to.destroy())
  }

  /** What may go now; a large piece goes in parts, so that no reader waits for the whole of it. */
  move() {
    while (this.left > 0 && this.waiting.length > 0) {
      const { bytes, from, to } = this.waiting.shift()
      const part = bytes.subarray(0, this.left)
      this.left -= part.length
      to.write(part)
      if (part.length < bytes.length) {
        this.waiting.unshift({ bytes: bytes.subarray(part.length), from, to })
      } else from.resume()
    }
  }
}

const [there, back] = [new Line(), new Line()]
setInterval(() => {
  for (const line of [there, back]) {
    line.left = share
    line.move()
  }
}, SLICE_MS)

createServer((socket) => {
  const onward = connect(target, '127.0.0.1')
  there.pass(socket, onward)
  back.pass(onward, socket)
}).listen(port, '127.0.0.1')
