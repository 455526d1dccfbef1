/** What `npm run benchmark --` understands. */
import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { SetupError } from '../../scripts/steps.mjs'
import { sections } from '../sections/index.mjs'
import { listed as networks } from '../sections/networks.mjs'
import { parseShape, shapes } from './network.mjs'

export const usage = `npm run benchmark -- [options]

  --section NAME[,NAME]  some of ${Object.keys(sections).join(', ')}; default: all
  --shape BxTxS[,BxTxS]  batch x time x size of a frame's side; default: ${shapes.map(({ name }) => name).join(',')}
  --only NAME[,NAME]     networks of sections networks and onnx, some of ${networks.map(({ name }) => name).join(', ')}, and draws of
                         section random by number; default: all
  --draws N              networks of section random; default 30
  --seed N               which networks it draws; default 1
  --threads N            threads of an operation, for all contenders; default: all cores
  --rounds N             how often each contender has its turn; default 3
  --seconds S            how long each contender is timed in a round; default 2
  --retries N            how often a run is repeated that other programs disturbed; default 2
  --path NAME            Zoetrope's path: default, reference or both; default: default
  --package FOLDER       the package that is installed in FOLDER, instead of the clone: section load alone, without PyTorch
  --quick                one short round, to see that everything runs; writes no results
  --prefix 'COMMAND'     put before every measured process, such as 'taskset -c 0-3'
  --no-build             measure what was built last
  --help

  ZOETROPE_PYTHON        a Python that has torch 2.11, instead of a virtual environment made in the cache
  ZOETROPE_CACHE         the cache's folder`

const known = {
  section: { type: 'string' },
  shape: { type: 'string' },
  only: { type: 'string' },
  draws: { type: 'string' },
  seed: { type: 'string' },
  threads: { type: 'string' },
  rounds: { type: 'string' },
  seconds: { type: 'string' },
  retries: { type: 'string' },
  path: { type: 'string', default: 'default' },
  prefix: { type: 'string', default: '' },
  package: { type: 'string' },
  quick: { type: 'boolean', default: false },
  'no-build': { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
}

const paths = { default: ['default'], reference: ['reference'], both: ['default', 'reference'] }

export function readOptions(args) {
  const values = parse(args)
  const all = Object.keys(sections)
  const chosen = values.section?.split(',') ?? (values.package === undefined ? all : ['load'])
  for (const name of chosen) check(name in sections, '--section', Object.keys(sections).join(', '), name)
  for (const name of values.only?.split(',') ?? [])
    check(
      networks.some((network) => network.name === name) || /^\d+$/.test(name),
      '--only',
      `${networks.map((network) => network.name).join(', ')}, or the number of a draw`,
      name,
    )
  check(
    values.package === undefined || chosen.every((name) => name === 'load'),
    '--section',
    'load, which is all that --package measures',
    values.section,
  )
  check(values.path in paths, '--path', Object.keys(paths).join(', '), values.path)
  return {
    help: values.help,
    build: !values['no-build'] && values.package === undefined,
    quick: values.quick,
    sections: chosen,
    hasAllSections: values.section === undefined,
    hasAllShapes: values.shape === undefined,
    only: values.only?.split(','),
    shapes: values.shape?.split(',').map(parseShape) ?? shapes,
    draws: count(values.draws ?? (values.quick ? 2 : 30), '--draws'),
    seed: count(values.seed ?? 1, '--seed', 0),
    threads: count(values.threads ?? availableParallelism(), '--threads'),
    rounds: count(values.rounds ?? (values.quick ? 1 : 3), '--rounds'),
    retries: count(values.retries ?? (values.quick ? 0 : 2), '--retries', 0),
    seconds: seconds(values.seconds ?? (values.quick ? 0.2 : 2)),
    paths: paths[values.path],
    package: values.package && resolve(values.package),
    prefix: values.prefix.split(/\s+/).filter(Boolean),
  }
}

function parse(args) {
  try {
    return parseArgs({ args, options: known }).values
  } catch (error) {
    throw new SetupError(`${error.message}\n\n${usage}`)
  }
}

function check(isGood, option, expected, received) {
  if (!isGood) throw new SetupError(`Expected ${expected} for ${option}, received ${received}\n\n${usage}`)
}

function count(text, option, least = 1) {
  const value = text === '' ? NaN : Number(text)
  check(Number.isSafeInteger(value) && value >= least, option, `an integer from ${least}`, text)
  return value
}

function seconds(text) {
  const value = Number(text)
  check(value > 0 && value < 3600, '--seconds', 'a positive number', text)
  return value
}
