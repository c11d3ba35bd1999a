import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildImage, IMAGE } from '../pod/images.ts'
import { must, PLACE, podman, run } from '../pod/podman.ts'
import { PAUSE_IMAGE } from './containerd.ts'
import { programPath } from './programs.ts'

/** The product, by the name and version that the chart takes by itself. */
export const REPOSITORY = 'localhost/okapi-sidecar'
const PRODUCT = `${REPOSITORY}:0.1.0`
/** Modules, Okapi's stand-in, and what calls. */
export const MODULE_IMAGE = 'localhost/okapi-sidecar-test/module:1'
/** `nft` and its libraries. */
export const NFT_IMAGE = 'localhost/okapi-sidecar-test/nft:1'

async function build(tag: string, files: readonly string[], dockerfile: readonly string[]) {
  const context = join(PLACE, `image-${tag.replaceAll(/\W/g, '-')}`)
  mkdirSync(context)
  for (const file of files) copyFileSync(file, join(context, file.split('/').at(-1)!))
  writeFileSync(join(context, 'Dockerfile'), `${dockerfile.join('\n')}\n`)
  await podman('build', '-q', '--pull-never', '--format', 'docker', '-t', tag, context)
}

/** Packages come over the network, which may fail for a moment. */
async function tried<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    console.log(`once more: ${error}`)
    return work()
  }
}

/** Every image of the cluster in one archive; its path. */
export async function archiveImages(): Promise<string> {
  await tried(buildImage)
  await podman('tag', IMAGE, PRODUCT)
  const parts = ['module', 'okapi', 'caller'].map((name) => {
    return join(import.meta.dirname, 'image', `${name}.ts`)
  })
  // Kubernetes before 1.30 has the module's hook run it, and this image has no program but Node.
  const pauses = join(PLACE, 'sleep')
  writeFileSync(pauses, '#!/nodejs/bin/node\nsetTimeout(() => {}, 1000 * process.argv[2])\n')
  chmodSync(pauses, 0o755)
  await build(
    MODULE_IMAGE,
    [...parts, pauses],
    [
      `FROM ${IMAGE}`,
      'COPY *.ts /test/',
      'COPY sleep /nodejs/bin/sleep',
      'HEALTHCHECK NONE',
      'USER 1000:1000',
      'WORKDIR /',
      'ENTRYPOINT ["node"]',
    ],
  )
  copyFileSync(programPath('pause'), join(PLACE, 'pause'))
  const pause = ['FROM scratch', 'COPY pause /pause', 'USER 65535:65535', 'ENTRYPOINT ["/pause"]']
  await build(PAUSE_IMAGE, [join(PLACE, 'pause')], pause)
  if ((await run('podman', ['image', 'exists', NFT_IMAGE])).code !== 0) {
    const tar = join(PLACE, 'nft.tar')
    const minimal = ['--variant=extract', '--include=nftables'] as const
    await tried(() => must('mmdebstrap', ...minimal, 'bookworm', tar))
    await podman('import', '-q', tar, NFT_IMAGE)
  }
  const archive = join(PLACE, 'images.tar')
  const all = [PRODUCT, MODULE_IMAGE, PAUSE_IMAGE, NFT_IMAGE]
  await podman('save', '-q', '-m', '--format', 'docker-archive', '-o', archive, ...all)
  return archive
}
