// Runs the demo and puts what it says into README.md, so that the README never promises another one.
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'

const BEGIN = '<!-- demo: the output of `npm start` -->'
const END = '<!-- /demo -->'
const file = new URL('../README.md', import.meta.url)
const main = new URL('../src/main.ts', import.meta.url).pathname
const said = execFileSync(process.execPath, [main, 'demo'], { encoding: 'utf8' })
const text = readFileSync(file, 'utf8')
const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)]
if (begin === -1 || end < begin) throw new Error('the markers of the demo are missing')
writeFileSync(
  file,
  `${text.slice(0, begin)}${BEGIN}\n\n\`\`\`\n${said.trim()}\n\`\`\`\n\n${text.slice(end)}`,
)
