let turn = 0
let scheduled = false

/** The number of the event loop's turn: it increases at least between two reads of one socket. */
export function thisTurn(): number {
  if (!scheduled) {
    scheduled = true
    setImmediate(over)
  }
  return turn
}

function over(): void {
  scheduled = false
  turn++
}
