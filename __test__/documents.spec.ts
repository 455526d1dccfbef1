/** What the documents promise about themselves: files that exist, links that lead somewhere, one README in two languages. */
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import test from 'ava'
import { REPOSITORY } from './helpers/child'

const READMES = ['README.md', 'README.zh-CN.md'] as const
const PAGES = [
  ...READMES,
  'CONTRIBUTING.md',
  'benchmark/README.md',
  ...readdirSync(join(REPOSITORY, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
]

const read = (page: string): string => readFileSync(join(REPOSITORY, page), 'utf8')
const CODE_BLOCK = /^```[\s\S]*?^```/gm

/** The name that a heading has in a link, as GitHub makes it. */
function anchor(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replaceAll(/\s/g, '-')
}

const headings = (text: string): string[] =>
  Array.from(text.replace(CODE_BLOCK, '').matchAll(/^#+ (.*)$/gm), ([, heading]) => heading ?? '')

test('README is at most 150 lines, in both languages', (t) => {
  for (const page of READMES) t.true(read(page).trimEnd().split('\n').length <= 150, page)
})

test('both READMEs have the same code blocks, headings, rows and links', (t) => {
  const [english, chinese] = READMES.map(read)
  const blocks = (text = ''): string[] => text.match(CODE_BLOCK) ?? []
  t.true(blocks(english).length > 2)
  t.deepEqual(blocks(chinese), blocks(english))

  const levels = (text = ''): string[] => text.replace(CODE_BLOCK, '').match(/^#+(?= )/gm) ?? []
  t.deepEqual(levels(chinese), levels(english))

  const rows = (text = ''): number => (text.match(/^\|/gm) ?? []).length
  t.is(rows(chinese), rows(english))

  const links = (text = ''): string[] =>
    Array.from(text.matchAll(/\]\(([^)]+)\)/g), ([, target]) => target ?? '')
      .filter((target) => !(READMES as readonly string[]).includes(target))
      .toSorted()
  t.deepEqual(links(chinese), links(english))
})

for (const page of PAGES) {
  test(`${page}: every relative link leads to a file, and to a heading where it names one`, (t) => {
    for (const [, target = ''] of read(page)
      .replace(CODE_BLOCK, '')
      .matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue
      const [path = '', heading] = target.split('#')
      const file = path === '' ? page : join(dirname(page), path)
      if (!existsSync(join(REPOSITORY, file))) t.fail(`${target} does not exist`)
      else if (heading !== undefined) t.true(headings(read(file)).map(anchor).includes(heading), target)
    }
    t.pass()
  })

  test(`${page}: every file of the repository that it names exists`, (t) => {
    for (const [, path = ''] of read(page).matchAll(/`([\w.-]+(?:\/[\w.-]+)*\/?)`/g)) {
      if (!isNamedFile(path)) continue
      const places = ['', 'docs', 'crates/zoetrope-core', 'crates/zoetrope-core/src', 'src', dirname(page)]
      t.true(
        places.some((place) => existsSync(join(REPOSITORY, place, path))),
        `${path} does not exist`,
      )
    }
    t.pass()
  })
}

/** Whether a name between backquotes is a path into the sources, and not a file that somebody makes. */
function isNamedFile(path: string): boolean {
  return /^(src|docs|crates|kernels|scripts|benchmark|examples|__test__|model|runtime|data)\//.test(path)
}
