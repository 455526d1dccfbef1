/** How each package manager installs a package, and runs the program that it brings. */

/** By the name that a scenario gives; `-10` and the like are versions. */
export const MANAGERS = {
  npm: { install: ['npm', 'install', 'zoetrope'], exec: ['npx', '--no'] },
  'pnpm-10': { install: ['pnpm', 'add', 'zoetrope'], exec: ['pnpm', 'exec'] },
  'pnpm-12': { install: ['pnpm', 'add', 'zoetrope'], exec: ['pnpm', 'exec'] },
  'yarn-1': { install: ['yarn', 'add', 'zoetrope'], exec: ['yarn', '--silent', 'run'] },
  'yarn-4': { install: ['yarn', 'add', 'zoetrope'], exec: ['yarn', 'run'] },
}

/** Files of the home folder that send every package manager to the registry. */
export function settings(registry, { nodeLinker = 'node-modules' } = {}) {
  return {
    '.npmrc': `registry=${registry}/\nupdate-notifier=false\naudit=false\nfund=false\n`,
    '.yarnrc': `registry "${registry}/"\ndisable-self-update-check true\n`,
    '.yarnrc.yml': [
      `npmRegistryServer: "${registry}"`,
      'unsafeHttpWhitelist: ["127.0.0.1"]',
      `nodeLinker: ${nodeLinker}`,
      'enableTelemetry: false',
      'npmMinimalAgeGate: 0',
      '',
    ].join('\n'),
  }
}
