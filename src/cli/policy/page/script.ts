/**
 * What the page does in a browser: builds the grid from the data beside it, filters, and opens a cell.
 * Everything is put in as text, nothing as markup. Its hash stands in the Content-Security-Policy.
 */
export const SCRIPT = `'use strict'
const data = JSON.parse(document.getElementById('data').textContent)
const { callers, providers, titles, routes, rules } = data
const STRENGTH = ['grant', 'requires', 'optional', 'own', 'system', 'default']
const byId = (id) => document.getElementById(id)
const grid = byId('grid')
const filters = { caller: byId('caller'), provider: byId('provider'), find: byId('find'), grants: byId('grants') }
const cellAt = new Map(data.cells.map(([c, p, parts]) => [c * providers.length + p, parts]))

function make(tag, options = {}, ...children) {
  const { role, label, ...rest } = options
  const element = Object.assign(document.createElement(tag), rest)
  if (role !== undefined) element.setAttribute('role', role)
  if (label !== undefined) element.setAttribute('aria-label', label)
  element.append(...children)
  return element
}

const count = (number, what) => number + ' ' + what + (number === 1 ? '' : 's')
const routesOf = (parts) => parts.reduce((sum, part) => sum + part[3].length, 0)
const kindOf = (parts) => {
  const kinds = parts.map((part) => rules[part[1]][0])
  return STRENGTH.find((kind) => kinds.includes(kind))
}

// places[row][column] is an element that can have the focus; row and column 0 are the names.
const places = []
function build() {
  const corner = make('th', { className: 'corner', scope: 'col' }, 'caller ↓ may call →')
  const head = providers.map((name) => make('th', { scope: 'col', title: name, tabIndex: -1 }, make('span', {}, name)))
  for (const th of head) th.setAttribute('aria-selected', 'false')
  grid.append(make('thead', {}, make('tr', {}, corner, ...head)))
  places.push([null, ...head])
  const body = make('tbody')
  callers.forEach((caller, c) => {
    const name = make('th', { scope: 'row', title: caller, tabIndex: -1 }, caller)
    name.setAttribute('aria-selected', 'false')
    const cells = providers.map(() => {
      const td = make('td', { tabIndex: -1, role: 'gridcell' })
      td.setAttribute('aria-selected', 'false')
      return td
    })
    places.push([name, ...cells])
    body.append(make('tr', {}, name, ...cells))
  })
  grid.append(body)
  places.forEach((row, r) => row.forEach((place, c) => {
    if (place !== null) Object.assign(place, { row: r, column: c })
  }))
}

let shown = new Map()
function apply() {
  const [caller, provider, find] = ['caller', 'provider', 'find'].map((name) => filters[name].value.trim().toLowerCase())
  const grantsOnly = filters.grants.checked
  const text = (value, wanted) => value.toLowerCase().includes(wanted)
  shown = new Map()
  const rows = new Set()
  const columns = new Set()
  for (const [key, parts] of cellAt) {
    const c = Math.floor(key / providers.length)
    const p = key % providers.length
    if (!text(callers[c], caller) || !text(providers[p], provider)) continue
    const left = parts.flatMap((part) => {
      const [title, rule, note, list] = part
      if (grantsOnly && rules[rule][0] !== 'grant') return []
      if (find === '' || text(titles[title], find)) return [part]
      const some = list.filter((route) => text(routes[route], find))
      return some.length === 0 ? [] : [[title, rule, note, some]]
    })
    if (left.length === 0) continue
    shown.set(key, left)
    rows.add(c)
    columns.add(p)
  }
  places.forEach((row, r) => {
    const hiddenRow = r > 0 && !rows.has(r - 1)
    if (r > 0) row[0].parentElement.hidden = hiddenRow
    row.forEach((place, c) => {
      if (place === null) return
      if (c > 0) place.hidden = !columns.has(c - 1)
      if (r > 0 && c > 0 && !hiddenRow) draw(place, r - 1, c - 1)
    })
  })
  const openings = [...shown.values()].reduce((sum, parts) => sum + routesOf(parts), 0)
  byId('count').textContent = shown.size === 0 ? 'Nothing fits these filters.'
    : count(rows.size, 'caller') + ', ' + count(columns.size, 'provider') + ', ' + count(openings, 'open route')
  rove(firstVisible())
  if (chosen !== null) tell(chosen)
}

function draw(td, c, p) {
  const parts = shown.get(c * providers.length + p)
  const names = callers[c] + (parts === undefined ? ' may not call ' : ' may call ') + providers[p]
  const kind = parts === undefined ? '' : kindOf(parts)
  const number = parts === undefined ? 0 : routesOf(parts)
  td.className = parts === undefined ? '' : 'open ' + kind
  td.textContent = parts === undefined ? '' : String(number)
  const label = parts === undefined ? names : names + ': ' + count(number, 'route') + ', by ' + kind
  td.setAttribute('aria-label', label)
}

let tabbable = null
function rove(place) {
  if (tabbable !== null) tabbable.tabIndex = -1
  tabbable = place
  if (place !== null) place.tabIndex = 0
}
const visible = (place) => place !== null && !place.hidden && !place.parentElement.hidden
function firstVisible() {
  if (tabbable !== null && visible(tabbable)) return tabbable
  for (const row of places.slice(1)) for (const place of row) if (visible(place)) return place
  return null
}

const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }
function moved(from, [down, right]) {
  let [row, column] = [from.row + down, from.column + right]
  while (places[row]?.[column] !== undefined) {
    if (visible(places[row][column])) return places[row][column]
    row += down
    column += right
  }
  return from
}
function edge(from, last) {
  const row = places[from.row].filter(visible)
  return last ? row.at(-1) : row[0]
}

let chosen = null
function choose(place) {
  document.querySelectorAll('[aria-selected=true]').forEach((one) => one.setAttribute('aria-selected', 'false'))
  place.setAttribute('aria-selected', 'true')
  chosen = { caller: place.row - 1, provider: place.column - 1 }
  rove(place)
  tell(chosen)
  // The panel takes room from the grid.
  place.scrollIntoView({ block: 'nearest', inline: 'nearest' })
}

function close() {
  const place = chosen === null ? null : places[chosen.caller + 1][chosen.provider + 1]
  chosen = null
  byId('told').hidden = true
  place?.setAttribute('aria-selected', 'false')
  if (place !== null && visible(place)) place.focus()
}

function fill(told, title, ...content) {
  const button = make('button', { type: 'button', label: 'Close ' + title }, 'Close')
  button.addEventListener('click', close)
  told.replaceChildren(button, make('h2', { id: 'title' }, title), ...content)
  told.hidden = false
}

function tell({ caller, provider }) {
  const told = byId('told')
  if (caller < 0) return list(told, 'Who may call ' + providers[provider], (c, p) => p === provider, (c) => callers[c])
  if (provider < 0) return list(told, 'What ' + callers[caller] + ' may call', (c) => c === caller, (c, p) => providers[p])
  const parts = shown.get(caller * providers.length + provider)
  const nothing = make('p', {}, 'Nothing is open there' + (cellAt.has(caller * providers.length + provider) ? ', with these filters.' : '.'))
  const content = parts === undefined ? [nothing] : parts.map(partOf)
  fill(told, callers[caller] + ' → ' + providers[provider], ...content)
}

function list(told, title, fits, nameOf) {
  const found = [...shown].filter(([key]) => fits(Math.floor(key / providers.length), key % providers.length))
  const blocks = found.map(([key, parts]) => {
    const name = nameOf(Math.floor(key / providers.length), key % providers.length)
    const badge = make('span', { className: 'badge ' + kindOf(parts) }, kindOf(parts))
    const block = make('details', {}, make('summary', {}, name + ', ' + count(routesOf(parts), 'route') + ' ', badge))
    block.addEventListener('toggle', () => {
      if (block.open && block.children.length === 1) block.append(...parts.map(partOf))
    })
    return block
  })
  const counted = make('p', { className: 'quiet' }, found.length === 0 ? 'Nothing, with these filters.' : count(found.length, 'module'))
  fill(told, title, counted, ...blocks)
}

function partOf([title, rule, note, list]) {
  const [kind, place, why] = rules[rule]
  const lines = list.map((route) => {
    const [method, ...path] = routes[route].split(' ')
    return make('li', { className: 'route' }, make('b', {}, method), ' ' + path.join(' '))
  })
  return make('section', {},
    make('h3', {}, titles[title]),
    make('p', {}, make('span', { className: 'badge ' + kind }, kind), ' ', make('code', {}, place)),
    ...[why, note].filter((text) => text !== '').map((text) => make('p', { className: 'quiet' }, text)),
    make('ul', { className: 'routes' }, ...lines))
}

let near = []
function cross(place) {
  for (const one of near) one.classList.remove('near')
  near = place === null ? [] : [places[0][place.column], places[place.row][0]].filter((one) => one !== null)
  for (const one of near) one.classList.add('near')
}

build()
const placeOf = (event) => {
  const place = event.target.closest('td, th')
  return place?.row === undefined ? null : place
}
grid.addEventListener('click', (event) => {
  const place = placeOf(event)
  if (place !== null) choose(place)
})
grid.addEventListener('pointerover', (event) => cross(placeOf(event)))
grid.addEventListener('pointerleave', () => cross(null))
grid.addEventListener('focusin', (event) => cross(placeOf(event)))
grid.addEventListener('keydown', (event) => {
  const place = placeOf(event)
  if (place === null || event.ctrlKey || event.altKey || event.metaKey) return
  const step = STEPS[event.key]
  const next = step !== undefined ? moved(place, step)
    : event.key === 'Home' || event.key === 'End' ? edge(place, event.key === 'End') : undefined
  if (next === undefined && event.key !== 'Enter' && event.key !== ' ') return
  event.preventDefault()
  if (next === undefined) return choose(place)
  rove(next)
  next.focus()
})
document.addEventListener('keydown', (event) => {
  if (event.key === 'Escape' && chosen !== null) close()
})
for (const input of Object.values(filters)) input.addEventListener('input', apply)
byId('clear').addEventListener('click', () => {
  for (const name of ['caller', 'provider', 'find']) filters[name].value = ''
  filters.grants.checked = false
  apply()
  filters.caller.focus()
})
apply()
`
