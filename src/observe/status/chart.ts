import { type Html, html } from './html.ts'

const WIDTH = 480
const HEIGHT = 64

/** A line of values over time as inline SVG, with its highest value said in words. */
export function chart(title: string, values: readonly number[], unit: string): Html {
  const highest = Math.max(...values, 0)
  const step = WIDTH / Math.max(values.length - 1, 1)
  const y = (value: number) => (highest === 0 ? HEIGHT : HEIGHT - (value / highest) * (HEIGHT - 4))
  const points = values.map((value, i) => `${(i * step).toFixed(1)},${y(value).toFixed(1)}`)
  const words =
    highest === 0 ? 'nothing in the last ten minutes' : `highest ${round(highest)} ${unit}`
  return html`<figure>
  <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${title}: ${words}" preserveAspectRatio="none">
    <polyline points="${points.join(' ')}" />
  </svg>
  <figcaption>${title} <span class="quiet">${words}</span></figcaption>
</figure>`
}

function round(value: number): string {
  return value >= 100 ? String(Math.round(value)) : String(Math.round(value * 10) / 10)
}
