/** The licences of the Rust crates that are compiled into an addon, as their packages state them. */
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { capture, root, SetupError } from '../steps.mjs'

/** One text: for each crate its name, version and licence, and the text of its licence files; equal texts once. */
export async function thirdPartyNotices(target) {
  const args = ['metadata', '--format-version', '1', '--locked', '--filter-platform', target]
  const { code, stdout, stderr } = await capture('cargo', args, { cwd: root })
  if (code !== 0) throw new SetupError(`cargo metadata failed:\n${stderr}`)
  const { packages, resolve, workspace_members: members } = JSON.parse(stdout)
  const byId = new Map(packages.map((entry) => [entry.id, entry]))
  const texts = new Map()
  const lines = []
  for (const id of linked(resolve.nodes, members)) {
    const { name, version, license, manifest_path: path } = byId.get(id)
    lines.push(`${name} ${version}: ${license ?? 'see its files'}`)
    for (const text of await licenseTexts(dirname(path)))
      texts.set(text, [...(texts.get(text) ?? []), `${name} ${version}`])
  }
  const sections = [...texts].map(([text, names]) => `${'-'.repeat(80)}\n${names.join(', ')}:\n\n${text}\n`)
  return `Compiled into this addon are Rust crates of others:\n\n${lines.toSorted().join('\n')}\n\n${sections.join('\n')}`
}

/** Everything that ordinary dependencies reach: what only builds is not in the addon. */
function linked(nodes, members) {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const found = new Set()
  const visit = (id) => {
    for (const { pkg, dep_kinds: kinds } of byId.get(id).deps) {
      if (found.has(pkg) || members.includes(pkg) || kinds.every(({ kind }) => kind !== null)) continue
      found.add(pkg)
      visit(pkg)
    }
  }
  for (const id of members) visit(id)
  return found
}

async function licenseTexts(folder) {
  const names = (await readdir(folder)).filter((name) => /^(licen[cs]e|copying|notice|unlicense)/i.test(name))
  return Promise.all(names.map(async (name) => (await readFile(join(folder, name), 'utf8').catch(() => '')).trim()))
}
