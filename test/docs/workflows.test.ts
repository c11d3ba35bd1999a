import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { parse } from 'yaml'

const GITHUB = join(import.meta.dirname, '..', '..', '.github')
const read = (path: string) => readFileSync(join(GITHUB, path), 'utf8')

interface Step {
  readonly run?: string
}

interface Workflow {
  readonly on: Readonly<Record<string, unknown>>
  readonly permissions: Readonly<Record<string, string>>
  readonly jobs: Readonly<
    Record<
      string,
      { readonly permissions: Readonly<Record<string, string>>; readonly steps: readonly Step[] }
    >
  >
}

const workflows = readdirSync(join(GITHUB, 'workflows')).map((name) => {
  const text = read(`workflows/${name}`)
  return { name, text, workflow: parse(text) as Workflow }
})
const named = (name: string) => workflows.find((one) => one.name === name)!.workflow

test('every action is pinned by its commit, and the comment says which release that is', (t) => {
  const uses = workflows.flatMap(({ text }) => text.match(/uses: .*/g) ?? [])
  t.true(uses.length > 5)
  for (const line of uses) t.regex(line, /^uses: [\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/)
})

test('a workflow has no permission but what a job of it needs', (t) => {
  const WRITES: Readonly<Record<string, readonly string[]>> = {
    image: ['attestations', 'id-token', 'packages'],
    files: ['attestations', 'contents', 'id-token'],
  }
  for (const { name, workflow } of workflows) {
    t.deepEqual(workflow.permissions, {}, name)
    t.false('pull_request_target' in workflow.on, name)
    for (const [job, { permissions, steps }] of Object.entries(workflow.jobs)) {
      const writes = Object.entries(permissions).filter(([, access]) => access === 'write')
      t.deepEqual(writes.map(([scope]) => scope).sort(), [...(WRITES[job] ?? [])], job)
      // What a stranger named (a branch, a title) must not become part of a script.
      for (const { run = '' } of steps) t.notRegex(run, /\$\{\{/, job)
    }
  }
})

test('what is merged and what is released has passed .ci/run', (t) => {
  const runs = (workflow: Workflow, job: string) =>
    workflow.jobs[job]!.steps.some(({ run }) => run?.includes('.ci/run'))
  t.true(runs(named('ci.yaml'), 'ci'))
  t.true(runs(named('release.yaml'), 'test'))
  t.deepEqual(Object.keys(named('release.yaml').on), ['push'])
})

test('npm packages, base images and actions are kept up to date', (t) => {
  const { updates }: { updates: { 'package-ecosystem': string }[] } = parse(read('dependabot.yml'))
  const kept = updates.map((update) => update['package-ecosystem'])
  t.deepEqual(kept.sort(), ['docker', 'github-actions', 'npm'])
})
