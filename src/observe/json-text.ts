/** Characters of one text in a log line; what is longer is cut. */
const LONGEST = 512

/**
 * A JSON string of ASCII only, quotes included: nothing a caller sends can end the line, forge
 * another or reach the terminal of its reader. Plain text goes through as it is.
 */
export function jsonText(text: string): string {
  if (text.length > LONGEST) return jsonText(`${text.slice(0, LONGEST - 1)}~`)
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 0x20 || code > 0x7e || code === 0x22 || code === 0x5c) return escaped(text)
  }
  return `"${text}"`
}

function escaped(text: string): string {
  return JSON.stringify(text).replace(
    /[\x7f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
