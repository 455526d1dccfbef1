/** Tests are compiled by `__test__/tsconfig.json` first; `npm test` does that. */
module.exports = {
  files: ['build/__test__/**/*.spec.js'],
  // Each spec is a process of its own, as a program using the package is; libtorch's threads already fill the cores.
  workerThreads: false,
  concurrency: 2,
  timeout: '5m',
}
