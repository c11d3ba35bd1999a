import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { promisify } from 'node:util'

// Machines with a router between them, as network namespaces: packets can be lost silently there, which
// nothing on loopback does. No RST, no FIN, no ICMP.

const run = promisify(execFile)

const isRoot = process.getuid?.() === 0
/** Without root, a user namespace makes the process root in it, where the system allows that. */
const APART = isRoot ? ['-n'] : ['-rn']
const INSIDE = isRoot ? ['-n'] : ['-U', '-n', '--preserve-credentials']

/** ICMP about every packet that is refused, not about one a second. */
const FORWARDS = 'echo 1 >ip_forward && echo 0 >icmp_ratelimit'

/** One machine of a network. Its plain sides are Unix sockets: files are shared, loopback is not. */
export interface Machine {
  /** What other machines connect to. */
  readonly address: string
  /** The command that starts a process there. */
  readonly under: readonly string[]
}

/** What the router does with packets: nothing comes back, or ICMP says that it may not be. */
export type Loss = 'blackhole' | 'prohibit'

/** Machines that reach each other through a router, until a test changes its rules. */
export class Network {
  readonly #router: Namespace
  readonly #machines: { readonly machine: Machine; readonly namespace: Namespace }[] = []
  #rules: (readonly string[])[] = []

  private constructor(router: Namespace) {
    this.#router = router
  }

  static async make(): Promise<Network> {
    const router = await Namespace.make()
    await router.run('sh', '-c', `cd /proc/sys/net/ipv4 && ${FORWARDS}`)
    return new Network(router)
  }

  /** One machine more. */
  async join(): Promise<Machine> {
    const nth = this.#machines.length + 1
    const namespace = await Namespace.make(this.#router)
    const [here, there, address] = [`to${nth}`, '10.90', `10.90.${nth}.2`]
    await this.#router.run(
      ...['ip', 'link', 'add', here, 'type', 'veth', 'peer', 'name', 'eth0'],
      ...['netns', String(namespace.pid)],
    )
    await this.#router.run('ip', 'address', 'add', `${there}.${nth}.1/24`, 'dev', here)
    await this.#router.run('ip', 'link', 'set', here, 'up')
    await namespace.run('ip', 'address', 'add', `${address}/24`, 'dev', 'eth0')
    await namespace.run('ip', 'link', 'set', 'eth0', 'up')
    await namespace.run('ip', 'route', 'add', 'default', 'via', `${there}.${nth}.1`)
    const machine = { address, under: namespace.under }
    this.#machines.push({ machine, namespace })
    return machine
  }

  /** From now on no packet of `from` reaches `to`; the other direction is not touched. */
  async lose(from: Machine, to: Machine, how: Loss = 'blackhole'): Promise<void> {
    await this.#rule('from', from.address, 'to', to.address, how)
  }

  /** Neither reaches the other. */
  async part(one: Machine, other: Machine, how: Loss = 'blackhole'): Promise<void> {
    await this.lose(one, other, how)
    await this.lose(other, one, how)
  }

  /** Nothing reaches it and it reaches nothing, as a machine that has lost its power. */
  async lost(machine: Machine): Promise<void> {
    await this.#rule('from', machine.address, 'blackhole')
    await this.#rule('to', machine.address, 'blackhole')
  }

  /** Takes back all rules. */
  async heal(): Promise<void> {
    const rules = this.#rules
    this.#rules = []
    for (const rule of rules) await this.#router.run('ip', 'rule', 'del', ...rule)
  }

  /** Sets `net.ipv4...` of one machine. */
  async sysctl({ address }: Machine, name: string, value: number): Promise<void> {
    const found = this.#machines.find(({ machine }) => machine.address === address)
    const file = `/proc/sys/${name.replaceAll('.', '/')}`
    await found?.namespace.run('sh', '-c', `echo ${value} >${file}`)
  }

  /** Its namespaces go with the last process in them. */
  close(): void {
    for (const { namespace } of this.#machines) namespace.close()
    this.#router.close()
  }

  async #rule(...rule: readonly string[]): Promise<void> {
    await this.#router.run('ip', 'rule', 'add', ...rule)
    this.#rules.push(rule)
  }
}

/** A network namespace, held by a process that ends when this one does. */
class Namespace {
  readonly under: readonly string[]
  readonly #holder: ChildProcess

  private constructor(holder: ChildProcess) {
    this.#holder = holder
    this.under = ['nsenter', ...INSIDE, '-t', String(this.pid), '--']
  }

  /** `of`: it is made by the same user, who may then join the two. */
  static async make(of?: Namespace): Promise<Namespace> {
    const how = of === undefined ? ['unshare', ...APART] : [...of.under, 'unshare', '-n']
    const script = 'ip link set lo up && echo up && exec cat >/dev/null'
    const [command, ...rest] = [...how, 'sh', '-c', script]
    const holder = spawn(command!, rest, { stdio: ['pipe', 'pipe', 'inherit'] })
    const [said] = await Promise.race([once(holder.stdout!, 'data'), once(holder, 'close')])
    if (!String(said).startsWith('up')) throw new Error(`no network namespace: ${said}`)
    return new Namespace(holder)
  }

  get pid(): number {
    return this.#holder.pid!
  }

  async run(...words: readonly string[]): Promise<void> {
    const [command, ...rest] = [...this.under, ...words]
    await run(command!, rest)
  }

  close(): void {
    this.#holder.stdin!.end()
  }
}

/** Why there can be no such network here; undefined: there can. */
export function whyNoNetwork(): string | undefined {
  const script = `ip link set lo up && ip rule list && cd /proc/sys/net/ipv4 && ${FORWARDS}`
  try {
    execFileSync('unshare', [...APART, 'sh', '-c', script], { stdio: ['ignore', 'ignore', 'pipe'] })
    execFileSync('nsenter', ['--version'], { stdio: 'ignore' })
    return undefined
  } catch (error) {
    return `network namespaces: ${String(error).split('\n').slice(0, 2).join(' ')}`
  }
}
