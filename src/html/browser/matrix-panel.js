// The second script of that page: the panel with what is behind a cell, keyboard and pointer. It
// shares the names of matrix-grid.js, which runs before it.

/** @type {Readonly<Record<string, readonly [down: number, right: number]>>} */
const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }
const panel = byId('told', HTMLElement)
/** What is open in the panel; -1 for a name.
 * @type {{ caller: number, provider: number } | null} */
let chosen = null
/** The names of the row and column under the pointer or focus.
 * @type {Cell[]} */
let near = []

/** What the panel shows follows the filters. */
function refreshPanel() {
  if (chosen !== null) tell(chosen)
}

/** The next visible cell in a direction, or the same. @param {Cell} from @param {readonly [number, number]} step */
function moved(from, [down, right]) {
  let { row, column } = placeIn(from)
  for (;;) {
    row += down
    column += right
    const cell = cells[row]?.[column]
    if (cell === undefined) return from
    if (isVisible(cell)) return cell
  }
}

/** The first or last visible cell of a row. @param {Cell} from @param {boolean} last */
function edge(from, last) {
  const row = (cells[placeIn(from).row] ?? []).filter(isVisible)
  return (last ? row.at(-1) : row[0]) ?? from
}

/** @param {Cell} cell */
function placeIn(cell) {
  return placeOf.get(cell) ?? { row: 0, column: 0 }
}

/** @param {Cell} cell */
function choose(cell) {
  for (const one of document.querySelectorAll('[aria-selected=true]')) {
    one.setAttribute('aria-selected', 'false')
  }
  cell.setAttribute('aria-selected', 'true')
  const { row, column } = placeIn(cell)
  chosen = { caller: row - 1, provider: column - 1 }
  setTabbable(cell)
  tell(chosen)
  // The panel takes room from the grid.
  cell.scrollIntoView({ block: 'nearest', inline: 'nearest' })
}

function closePanel() {
  const cell = chosen === null ? null : cells[chosen.caller + 1]?.[chosen.provider + 1]
  chosen = null
  panel.hidden = true
  cell?.setAttribute('aria-selected', 'false')
  if (isVisible(cell)) cell.focus()
}

/** @param {string} title @param {...Node} content */
function fill(title, ...content) {
  const button = make('button', { type: 'button', label: `Close ${title}` }, 'Close')
  button.addEventListener('click', closePanel)
  panel.replaceChildren(button, make('h2', { id: 'title' }, title), ...content)
  panel.hidden = false
}

/** @param {{ caller: number, provider: number }} cell */
function tell({ caller, provider }) {
  const [from, to] = [callers[caller], providers[provider]]
  if (from === undefined) {
    return list(
      `Who may call ${to}`,
      (key) => providerOf(key) === provider,
      (key) => callers[callerOf(key)],
    )
  }
  if (to === undefined) {
    return list(
      `What ${from} may call`,
      (key) => callerOf(key) === caller,
      (key) => providers[providerOf(key)],
    )
  }
  const key = keyOf(caller, provider)
  const filteredOut = cellAt.has(key) ? ', with these filters.' : '.'
  const content = shown.get(key)?.map(partOf) ?? [
    make('p', {}, `Nothing is open there${filteredOut}`),
  ]
  fill(`${from} → ${to}`, ...content)
}

/**
 * All that one caller or provider has.
 * @param {string} title
 * @param {(key: number) => boolean} fits
 * @param {(key: number) => string | undefined} nameOf
 */
function list(title, fits, nameOf) {
  const found = [...shown].filter(([key]) => fits(key))
  const blocks = found.map(([key, parts]) => {
    const kind = kindOf(parts)
    const badge = make('span', { className: `badge ${kind}` }, kind)
    const summary = make(
      'summary',
      {},
      `${nameOf(key)}, ${count(countRoutes(parts), 'route')} `,
      badge,
    )
    const block = make('details', {}, summary)
    block.addEventListener('toggle', () => {
      if (block.open && block.children.length === 1) block.append(...parts.map(partOf))
    })
    return block
  })
  const number = found.length === 0 ? 'Nothing, with these filters.' : count(found.length, 'module')
  fill(title, make('p', { className: 'quiet' }, number), ...blocks)
}

/** @param {Part} part */
function partOf([title, rule, note, numbers]) {
  const [kind, place, why] = rules[rule] ?? ['', '', '']
  const lines = numbers.map((number) => {
    const [method = '', ...path] = (routes[number] ?? '').split(' ')
    return make('li', { className: 'route' }, make('b', {}, method), ` ${path.join(' ')}`)
  })
  const remarks = [why, note].filter((text) => text !== '')
  return make(
    'section',
    {},
    make('h3', {}, titles[title] ?? ''),
    make('p', {}, make('span', { className: `badge ${kind}` }, kind), ' ', make('code', {}, place)),
    ...remarks.map((text) => make('p', { className: 'quiet' }, text)),
    make('ul', { className: 'routes' }, ...lines),
  )
}

/** Marks the names of a cell's row and column. @param {Cell | null} cell */
function cross(cell) {
  for (const one of near) one.classList.remove('near')
  const place = cell === null ? undefined : placeOf.get(cell)
  near =
    place === undefined
      ? []
      : [cells[0]?.[place.column], cells[place.row]?.[0]].filter((one) => one != null)
  for (const one of near) one.classList.add('near')
}

/** @param {Event} event */
function cellUnder({ target }) {
  const cell = target instanceof Element ? target.closest('td, th') : null
  return cell instanceof HTMLTableCellElement && placeOf.has(cell) ? cell : null
}

/** @param {KeyboardEvent} event */
function pressed(event) {
  const { key, ctrlKey, altKey, metaKey } = event
  const cell = cellUnder(event)
  if (cell === null || ctrlKey || altKey || metaKey) return
  const step = STEPS[key]
  const atEdge = key === 'Home' || key === 'End' ? edge(cell, key === 'End') : undefined
  const next = step === undefined ? atEdge : moved(cell, step)
  if (next === undefined && key !== 'Enter' && key !== ' ') return
  event.preventDefault()
  if (next === undefined) return choose(cell)
  setTabbable(next)
  next.focus()
}

build()
grid.addEventListener('click', (event) => {
  const cell = cellUnder(event)
  if (cell !== null) choose(cell)
})
grid.addEventListener('pointerover', (event) => cross(cellUnder(event)))
grid.addEventListener('pointerleave', () => cross(null))
grid.addEventListener('focusin', (event) => cross(cellUnder(event)))
grid.addEventListener('keydown', pressed)
document.addEventListener('keydown', ({ key }) => {
  if (key === 'Escape' && chosen !== null) closePanel()
})
for (const input of Object.values(filters)) input.addEventListener('input', apply)
byId('clear', HTMLElement).addEventListener('click', () => {
  for (const input of [filters.caller, filters.provider, filters.find]) input.value = ''
  filters.grants.checked = false
  apply()
  filters.caller.focus()
})
apply()
