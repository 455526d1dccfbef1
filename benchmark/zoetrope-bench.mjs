/**
 * Zoetrope's side of the benchmark: one job as a line of JSON on standard input, its result as the last line of output.
 *
 * All of it through the package's public API. What is timed is what a user waits for: `train()` gathers its batches and
 * reads its metrics, `logits()` and `predict()` copy their clips.
 */
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { monitorEventLoopDelay, performance } from 'node:perf_hooks'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import { readBatches } from './lib/read-batches.mjs'
import { eachOf, sweeps, warmUp } from './lib/sweeps.mjs'

const NANOSECONDS = 1e6 //       in a millisecond
const TICKS = 100 //             of /proc/stat in a second

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const job = JSON.parse((await lines.next()).value)
/** Times sweeps for a while, or one for each line that comes after the job. */
const timed = job.takesTurns ? turns : sweeps
/** The clone, or the package that is installed in a folder. */
const subject = job.package === undefined ? 'zoetrope' : installedIn(job.package)
const imported = performance.now()
const { Adam, CnnLstm, DataLoader, FolderDataset, TensorDataset, getNumThreads, setNumThreads, train } = await import(
  subject
)
const importMs = performance.now() - imported

const tasks = {
  weights,
  agree,
  train: trainSweeps,
  series,
  logits,
  export: exportFile,
  inference,
  latency,
  stream,
  memory,
  lengths,
  files: clipFiles,
  load,
  'event-loop': eventLoop,
}
if (job.task !== 'load') setNumThreads(job.threads)
console.log(JSON.stringify(await withOthersBusy(() => tasks[job.task](job))))

function installedIn(folder) {
  return pathToFileURL(createRequire(join(folder, 'package.json')).resolve('zoetrope')).href
}

/** A sweep for each line that comes after the job; answers with its milliseconds and the most memory so far. */
async function turns(_seconds, { warmUp: prepare, sweep }) {
  await prepare()
  console.log(true)
  for await (const _ of lines) {
    const start = performance.now()
    await sweep()
    const ms = performance.now() - start
    console.log(JSON.stringify({ ms, peakBytes: await peakBytes() }))
  }
}

/** Runs a task; adds how many cores other programs, and other guests of the host, kept busy meanwhile. */
async function withOthersBusy(task) {
  const [before, own, began] = [await busySeconds(), process.cpuUsage(), performance.now()]
  const result = await task()
  const { user, system } = process.cpuUsage(own)
  const others = (await busySeconds()) - before - (user + system) / 1e6
  return { ...result, othersBusyCores: Number((others / ((performance.now() - began) / 1000)).toFixed(3)) }
}

/** Processor time that the machine has spent on anything but idling. */
async function busySeconds() {
  const [user, nice, system, , , irq, softirq, steal] = (await readFile('/proc/stat', 'utf8'))
    .split('\n', 1)[0]
    .split(/\s+/)
    .slice(1)
    .map(Number)
  return (user + nice + system + irq + softirq + steal) / TICKS
}

/** Weights from a seed, for all contenders. */
async function weights({ config, weights: file }) {
  await using(await CnnLstm.create({ ...config, device: 'cpu', seed: 0 }), (model) => model.save(file))
}

/** Logits before the first step and the losses of the first steps. */
async function agree({ shape, steps, ...files }) {
  return withModel(files, async (model) => {
    const batches = await readBatches(files, shape, steps)
    const { data } = await model.logits(batches[0].inputs)
    const optimizer = new Adam(model)
    const losses = []
    for (const batch of batches) {
      const { loss } = await train(model, loader([batch], shape), { optimizer, progress: false })
      losses.push(loss)
    }
    return { logits: [...data], losses }
  })
}

async function trainSweeps({ shape, batches: count, seconds, dataset, ...files }) {
  return withModel(files, async (model) => {
    const batches = await readBatches(files, shape, count)
    const sweepsMs = await trainFor(model, new Adam(model), batches, { shape, seconds, dataset })
    return { sweepsMs, peakBytes: await peakBytes() }
  })
}

/** Training steps at several shapes of one frame size; a list of sweeps for each. */
async function series({ cases, seconds, ...files }) {
  return withModel(files, async (model) => {
    const optimizer = new Adam(model)
    const measured = []
    for (const { shape, batches: count } of cases) {
      const batches = await readBatches(files, shape, count)
      measured.push(await trainFor(model, optimizer, batches, { shape, seconds }))
    }
    return { cases: measured }
  })
}

/** The logits of the first batch. */
async function logits({ shape, ...files }) {
  return withModel(files, async (model) => {
    const [{ inputs }] = await readBatches(files, shape, 1)
    return { logits: [...(await model.logits(inputs)).data] }
  })
}

/** The model as an ONNX file, whose steps are all valid. */
async function exportFile({ onnx, ...files }) {
  return withModel(files, async (model) => model.exportOnnx(onnx, { lengths: false, verify: false }))
}

async function inference({ shape, batches: count, seconds, ...files }) {
  return withModel(files, async (model) => {
    const batches = await readBatches(files, shape, count)
    const sweepsMs = await timed(seconds, {
      warmUp: () => eachOf(warmUp(batches), ({ inputs }) => model.logits(inputs)),
      sweep: () => eachOf(batches, ({ inputs }) => model.logits(inputs)),
    })
    return { sweepsMs, peakBytes: await peakBytes() }
  })
}

/** One clip, from array to probabilities; a call is a sweep over one batch. */
async function latency({ shape, seconds, ...files }) {
  return withModel(files, async (model) => {
    const [{ inputs }] = await readBatches(files, shape, 1)
    const call = () => model.predict(inputs)
    return { callsMs: await sweeps(seconds, { warmUp: call, sweep: call }) }
  })
}

/** The frames of one clip, one after the other; a sweep is the whole clip. */
async function stream({ shape, seconds, ...files }) {
  return withModel(files, async (model) => {
    const [{ inputs }] = await readBatches(files, shape, 1)
    const frame = inputs.shape.slice(2)
    const size = frame.reduce((product, side) => product * side, 1)
    const running = model.stream()
    const sweep = async () => {
      running.reset()
      for (let at = 0; at < inputs.data.length; at += size) {
        await running.push({ data: inputs.data.subarray(at, at + size), shape: frame })
      }
    }
    return { sweepsMs: await sweeps(seconds, { warmUp: sweep, sweep }) }
  })
}

async function memory(described) {
  const { peakBytes: most } = await trainSweeps(described)
  return { peakBytes: most }
}

/** The most memory that this process ever held. */
async function peakBytes() {
  const status = await readFile('/proc/self/status', 'utf8')
  return 1024 * Number(/VmHWM:\s*(\d+)/.exec(status)[1])
}

/** The time between two ticks of a timer of 1 ms while epochs run; nothing is taken off. */
async function eventLoop({ shape, batches: count, seconds, dataset, ...files }) {
  return withModel(files, async (model) => {
    const batches = await readBatches(files, shape, count)
    const optimizer = new Adam(model)
    await trainFor(model, optimizer, batches, { shape, seconds: 0, dataset })
    const delay = monitorEventLoopDelay({ resolution: 1 })
    delay.enable()
    await trainFor(model, optimizer, batches, { shape, seconds, dataset })
    delay.disable()
    const at = (share) => delay.percentile(share) / NANOSECONDS
    return { p50Ms: at(50), p99Ms: at(99), maxMs: delay.max / NANOSECONDS, ticks: delay.count }
  })
}

/** Epochs of clips whose lengths lie between two numbers, or are all their mean. */
async function lengths({ config, batch, clips, between: [shortest, longest], isEqual, seconds }) {
  const span = longest - shortest + 1
  const frame = 'features' in config.input ? [config.input.features] : Object.values(config.input)
  const values = frame.reduce((product, length) => product * length, 1)
  const samples = Array.from({ length: clips }, (_, index) => {
    const time = isEqual ? (shortest + longest) / 2 : shortest + (index % span)
    const data = new Float32Array(time * values).map((_zero, at) => ((at * 7 + index) % 13) / 13)
    return { input: { data, shape: [time, ...frame] }, target: index % config.numClasses }
  })
  const data = new DataLoader(samples, { batchSize: batch, shuffle: true, bucketByLength: true })
  return using(await CnnLstm.create({ ...config, device: 'cpu', seed: 0 }), async (model) => {
    const optimizer = new Adam(model)
    const epoch = () => train(model, data, { optimizer, progress: false })
    return { sweepsMs: await timed(seconds, { warmUp: epoch, sweep: epoch }) }
  })
}

/** Epochs over folders of JPEG frames: read once into native memory, kept decoded, or decoded each time. */
async function clipFiles({ config, folder, batch, size, source, seconds }) {
  const options = { size, print: false, cache: source !== 'decoded' }
  const dataset = await FolderDataset.open(folder, options)
  const data = new DataLoader(source === 'memory' ? await inMemory(dataset) : dataset, {
    batchSize: batch,
    shuffle: true,
  })
  return using(await CnnLstm.create({ ...config, device: 'cpu', seed: 0 }), async (model) => {
    const optimizer = new Adam(model)
    const epoch = () => train(model, data, { optimizer, progress: false })
    return { sweepsMs: await timed(seconds, { warmUp: epoch, sweep: epoch }) }
  })
}

async function inMemory(dataset) {
  for await (const { inputs, targets } of new DataLoader(dataset, { batchSize: dataset.length }))
    return new TensorDataset({ inputs, targets })
}

async function load() {
  const began = performance.now()
  getNumThreads()
  return { importMs, firstCallMs: performance.now() - began }
}

/** Milliseconds of epochs over all batches. */
function trainFor(model, optimizer, batches, { seconds, ...data }) {
  return timed(seconds, epochs(model, optimizer, batches, data))
}

function epochs(model, optimizer, batches, { shape, dataset }) {
  const first = loader(warmUp(batches), shape, dataset)
  const all = loader(batches, shape, dataset)
  const epoch = (data) => train(model, data, { optimizer, progress: false })
  return { warmUp: () => epoch(first), sweep: () => epoch(all) }
}

/** A loader that yields these batches in order, from native memory or from JavaScript. */
function loader(batches, shape, dataset = 'tensor') {
  const samples = dataset === 'tensor' ? tensorDataset(batches) : batches.flatMap(samplesOf)
  return new DataLoader(samples, { batchSize: shape.batch })
}

function tensorDataset(batches) {
  const [{ inputs: first }] = batches
  const data = new Float32Array(batches.length * first.data.length)
  for (const [index, { inputs }] of batches.entries()) data.set(inputs.data, index * first.data.length)
  const targets = Int32Array.from(batches.flatMap((batch) => [...batch.targets]))
  return new TensorDataset({ inputs: { data, shape: [targets.length, ...first.shape.slice(1)] }, targets })
}

function samplesOf({ inputs: { data, shape }, targets }) {
  const size = data.length / targets.length
  return Array.from(targets, (target, index) => ({
    input: { data: data.subarray(index * size, (index + 1) * size), shape: shape.slice(1) },
    target,
  }))
}

async function withModel({ weights: file }, body) {
  return using(await CnnLstm.load(file, { device: 'cpu' }), body)
}

async function using(model, body) {
  try {
    return await body(model)
  } finally {
    await model.dispose()
  }
}
