// The lock file must name no registry: those who clone this have mirrors of their own.
import { readFileSync } from 'node:fs'

const lock = readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8')
if (lock.includes('"resolved"')) {
  console.error(
    'package-lock.json names a registry ("resolved"): reinstall with the .npmrc of this project',
  )
  process.exit(1)
}
