// What the page of `policy matrix --html` does in a browser: builds the grid from the data beside it,
// filters, and opens a cell. All content is put in as text, nothing as markup. The hash of this file
// is in the page's Content-Security-Policy.

/**
 * @typedef {readonly [title: number, rule: number, note: string, routes: readonly number[]]} Part
 * @typedef {readonly [kind: string, place: string, why: string]} Rule
 * @typedef {{
 *   callers: readonly string[], providers: readonly string[], titles: readonly string[],
 *   routes: readonly string[], rules: readonly Rule[],
 *   cells: readonly (readonly [caller: number, provider: number, parts: readonly Part[]])[],
 * }} Data
 * @typedef {HTMLTableCellElement} Cell an element of the grid that can have the focus
 * @typedef {Readonly<Record<string, unknown>> & { role?: string, label?: string }} Options
 */

const STRENGTH = ['grant', 'requires', 'optional', 'own', 'system', 'default']

/** @type {Data} */
const data = JSON.parse(byId('data', HTMLScriptElement).text)
const { callers, providers, titles, routes, rules } = data
const grid = byId('grid', HTMLTableElement)
const filters = {
  caller: byId('caller', HTMLInputElement),
  provider: byId('provider', HTMLInputElement),
  find: byId('find', HTMLInputElement),
  grants: byId('grants', HTMLInputElement),
}
/** The parts of each open cell, by `keyOf`. */
const cellAt = new Map(data.cells.map(([c, p, parts]) => [keyOf(c, p), parts]))
/** `cells[row][column]`; row and column 0 are the names, the corner is null.
 * @type {(Cell | null)[][]} */
const cells = []
/** @type {Map<Element, { row: number, column: number }>} */
const placeOf = new Map()
/** The parts that pass the filters.
 * @type {Map<number, readonly Part[]>} */
let shown = new Map()
/** The one cell that Tab reaches.
 * @type {Cell | null} */
let tabbable = null

/**
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} type
 */
function byId(id, type) {
  const element = document.getElementById(id)
  if (!(element instanceof type)) throw new Error(`the page has no ${id}`)
  return element
}

/** @param {number} caller @param {number} provider */
function keyOf(caller, provider) {
  return caller * providers.length + provider
}

/** @param {number} key */
function callerOf(key) {
  return Math.floor(key / providers.length)
}

/** @param {number} key */
function providerOf(key) {
  return key % providers.length
}

/**
 * An element with these properties; `role` and `label` are set as attributes.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Options} options
 * @param {...(Node | string)} children
 */
function make(tag, options = {}, ...children) {
  const { role, label, ...rest } = options
  const element = Object.assign(document.createElement(tag), rest)
  if (role !== undefined) element.setAttribute('role', role)
  if (label !== undefined) element.setAttribute('aria-label', label)
  element.append(...children)
  return element
}

/** @param {number} number @param {string} what */
function count(number, what) {
  return `${number} ${what}${number === 1 ? '' : 's'}`
}

/** @param {readonly Part[]} parts */
function countRoutes(parts) {
  return parts.reduce((sum, part) => sum + part[3].length, 0)
}

/** The strongest kind of rule in a cell. @param {readonly Part[]} parts */
function kindOf(parts) {
  const kinds = parts.map((part) => rules[part[1]]?.[0])
  return STRENGTH.find((kind) => kinds.includes(kind)) ?? ''
}

/** @template {'td' | 'th'} K @param {K} tag @param {Options} options @param {...(Node | string)} children */
function makeCell(tag, options, ...children) {
  const cell = make(tag, { ...options, tabIndex: -1 }, ...children)
  cell.setAttribute('aria-selected', 'false')
  return cell
}

function build() {
  const corner = make('th', { className: 'corner', scope: 'col' }, 'caller ↓ may call →')
  const head = providers.map((name) =>
    makeCell('th', { scope: 'col', title: name }, make('span', {}, name)),
  )
  grid.append(make('thead', {}, make('tr', {}, corner, ...head)))
  cells.push([null, ...head])
  const body = make('tbody')
  for (const caller of callers) {
    const name = makeCell('th', { scope: 'row', title: caller }, caller)
    const open = providers.map(() => makeCell('td', { role: 'gridcell' }))
    cells.push([name, ...open])
    body.append(make('tr', {}, name, ...open))
  }
  grid.append(body)
  for (const [row, line] of cells.entries()) {
    for (const [column, cell] of line.entries()) {
      if (cell !== null) placeOf.set(cell, { row, column })
    }
  }
}

/** Puts every cell as the filters say. */
function apply() {
  shown = filtered()
  const rows = new Set([...shown.keys()].map(callerOf))
  const columns = new Set([...shown.keys()].map(providerOf))
  for (const [cell, { row, column }] of placeOf) {
    const hiddenRow = row > 0 && !rows.has(row - 1)
    if (row > 0 && column === 0 && cell.parentElement !== null) {
      cell.parentElement.hidden = hiddenRow
    }
    if (!(cell instanceof HTMLTableCellElement)) continue
    if (column > 0) cell.hidden = !columns.has(column - 1)
    if (row > 0 && column > 0 && !hiddenRow) draw(cell, row - 1, column - 1)
  }
  const open = [...shown.values()].reduce((sum, parts) => sum + countRoutes(parts), 0)
  byId('count', HTMLElement).textContent =
    shown.size === 0
      ? 'Nothing fits these filters.'
      : `${count(rows.size, 'caller')}, ${count(columns.size, 'provider')}, ${count(open, 'open route')}`
  setTabbable(firstVisible())
  refreshPanel()
}

function filtered() {
  const wanted = (/** @type {HTMLInputElement} */ { value }) => value.trim().toLowerCase()
  const [caller, provider, find] = [filters.caller, filters.provider, filters.find].map(wanted)
  const has = (text = '', part = '') => text.toLowerCase().includes(part)
  /** @type {typeof shown} */
  const found = new Map()
  for (const [key, parts] of cellAt) {
    if (!has(callers[callerOf(key)], caller) || !has(providers[providerOf(key)], provider)) continue
    const left = parts.flatMap((part) => {
      const [title, rule, note, list] = part
      if (filters.grants.checked && rules[rule]?.[0] !== 'grant') return []
      if (find === '' || has(titles[title], find)) return [part]
      const some = list.filter((route) => has(routes[route], find))
      return some.length === 0 ? [] : [/** @type {Part} */ ([title, rule, note, some])]
    })
    if (left.length > 0) found.set(key, left)
  }
  return found
}

/** @param {Cell} td @param {number} caller @param {number} provider */
function draw(td, caller, provider) {
  const parts = shown.get(keyOf(caller, provider))
  const may = parts === undefined ? 'may not call' : 'may call'
  const names = `${callers[caller]} ${may} ${providers[provider]}`
  const kind = parts === undefined ? '' : kindOf(parts)
  const number = parts === undefined ? 0 : countRoutes(parts)
  td.className = parts === undefined ? '' : `open ${kind}`
  td.textContent = parts === undefined ? '' : String(number)
  const label = parts === undefined ? names : `${names}: ${count(number, 'route')}, by ${kind}`
  td.setAttribute('aria-label', label)
}

/** @param {Cell | null} cell */
function setTabbable(cell) {
  if (tabbable !== null) tabbable.tabIndex = -1
  tabbable = cell
  if (cell !== null) cell.tabIndex = 0
}

/** @param {Cell | null | undefined} cell @returns {cell is Cell} */
function isVisible(cell) {
  return cell != null && !cell.hidden && cell.parentElement?.hidden !== true
}

function firstVisible() {
  if (isVisible(tabbable)) return tabbable
  return cells.slice(1).flat().find(isVisible) ?? null
}
