import { CONTAINERD_2, programPath } from './programs.ts'

export const PAUSE_IMAGE = 'localhost/okapi-sidecar-test/pause:1'

/** The program: what we have built, or what the machine has. */
export const CONTAINERD = CONTAINERD_2 ? programPath('containerd') : 'containerd'

const UNWANTED = ['btrfs', 'zfs', 'devmapper', 'aufs'].map((name) => {
  return `"io.containerd.snapshotter.v1.${name}"`
})

/** The configuration file of a node's containerd; without CAP_SYS_RESOURCE and AppArmor, as test machines are. */
export function containerdConfig(name: string, home: string, socket: string, cni: string): string {
  const common = `
root = "${home}/containerd"
state = "/run/${name}"
oom_score = 0
disabled_plugins = [${UNWANTED}]
[grpc]
  address = "${socket}"
`
  return CONTAINERD_2 ? `version = 3${common}${ofTwo(cni)}` : `version = 2${common}${ofOne(cni)}`
}

function ofOne(cni: string): string {
  const cri = 'plugins."io.containerd.grpc.v1.cri"'
  return `[${cri}]
  sandbox_image = "${PAUSE_IMAGE}"
  restrict_oom_score_adj = true
  disable_apparmor = true
[${cri}.cni]
  bin_dir = "/usr/lib/cni"
  conf_dir = "${cni}"
[${cri}.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[${cri}.containerd.runtimes.runc.options]
  SystemdCgroup = false
`
}

/** What is not said here is containerd's default: in pods ports below 1024 need no capability, nor does `ping`. */
function ofTwo(cni: string): string {
  const runtime = 'plugins."io.containerd.cri.v1.runtime"'
  // NRI has one socket for a machine, and here it has two nodes.
  return `[plugins."io.containerd.nri.v1.nri"]
  disable = true
[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "${PAUSE_IMAGE}"
[${runtime}]
  restrict_oom_score_adj = true
  disable_apparmor = true
[${runtime}.cni]
  bin_dirs = ["/usr/lib/cni"]
  conf_dir = "${cni}"
[${runtime}.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
  runtime_path = "${programPath('shim')}"
[${runtime}.containerd.runtimes.runc.options]
  SystemdCgroup = false
`
}
