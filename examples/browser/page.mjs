/** The page: a frame on the canvas, its bytes into the stream, the stream's probabilities into the table. */
import { InferenceSession, Tensor, env } from '/onnxruntime-web/ort.wasm.min.mjs'
import { classification, readOnnxMetadata, toPlanes } from '/zoetrope/decode/index.js'
import { makeClips, motions, time } from '/lib/motions.mjs'
import { Stream } from './stream.mjs'

env.wasm.wasmPaths = '/onnxruntime-web/'
env.wasm.numThreads = 1 //             more need a page that is cross-origin isolated

const SECOND = 1000
const FRAMES_A_SECOND = 8
const SMOOTHING = 0.9

const element = (id) => document.getElementById(id)
const canvas = element('frame').getContext('2d', { willReadFrequently: true })
const { width, height } = canvas.canvas

const [streamFile, clipFile, stored] = await Promise.all([
  bytesOf('/files/stream.onnx'),
  bytesOf('/files/clip.onnx'),
  fetch('/files/stored.json').then((response) => response.json()),
])
const { classes, input } = readOnnxMetadata(streamFile)
const digits = { data: Uint8Array.from(stored.digits.data), shape: stored.digits.shape }
const sizes = input.sizes //           [channels, height, width]
const providers = { executionProviders: ['wasm'] }
const stream = new Stream(await InferenceSession.create(streamFile, providers))
const rows = classes.map(addRow)

element('stored').textContent = await compareStored(await InferenceSession.create(clipFile, providers))
await run()

async function bytesOf(url) {
  const response = await fetch(url)
  if (!response.ok) throw new Error(`${url}: ${response.status}; did prepare.mjs run?`)
  return new Uint8Array(await response.arrayBuffer())
}

/** Frames until the page is left. */
async function run() {
  let milliseconds
  for (let clip = 0; ; clip++) {
    const frames = chosenSource() === 'camera' ? await cameraFrames() : digitFrames(clip)
    stream.reset()
    for (const draw of frames) {
      draw()
      const frame = toPlanes(canvas.getImageData(0, 0, width, height), sizes[0])
      const begin = performance.now()
      const probabilities = await stream.push(frame, sizes)
      const took = performance.now() - begin
      milliseconds = milliseconds === undefined ? took : SMOOTHING * milliseconds + (1 - SMOOTHING) * took
      show(probabilities, milliseconds)
      await new Promise((resolve) => setTimeout(resolve, SECOND / FRAMES_A_SECOND))
    }
  }
}

function chosenSource() {
  return document.querySelector('input[name=source]:checked').value
}

/** A digit that goes round one of the four ways, as in the training: a function for each frame, which draws it. */
function digitFrames(clip) {
  const { inputs, targets } = makeClips(digits, clip)
  const at = clip % digits.shape[0]
  element('truth').textContent = motions[targets[at]]
  return Array.from({ length: time }, (_, frame) => () => {
    const pixels = canvas.createImageData(width, height)
    for (let pixel = 0; pixel < width * height; pixel++) {
      const grey = inputs.data[(at * time + frame) * width * height + pixel]
      pixels.data.set([grey, grey, grey, 255], pixel * 4)
    }
    canvas.putImageData(pixels, 0, 0)
  })
}

let video

/** What the camera sees; a network of moving digits makes of it what it can. */
async function cameraFrames() {
  element('truth').textContent = 'the camera'
  if (video === undefined) {
    video = Object.assign(document.createElement('video'), { muted: true })
    video.srcObject = await navigator.mediaDevices.getUserMedia({ video: true })
    await video.play()
  }
  return Array.from({ length: time }, () => () => canvas.drawImage(video, 0, 0, width, height))
}

function addRow(label) {
  const row = element('answers').insertRow()
  row.append(Object.assign(document.createElement('th'), { textContent: label }))
  const meter = document.createElement('meter')
  const number = document.createElement('td')
  row.insertCell().append(meter)
  row.append(number)
  return { row, meter, number }
}

function show(probabilities, milliseconds) {
  const { index } = classification(probabilities, classes)
  for (const [at, { row, meter, number }] of rows.entries()) {
    row.classList.toggle('best', at === index)
    meter.value = probabilities[at]
    number.textContent = probabilities[at].toFixed(2)
  }
  element('rate').textContent =
    `${milliseconds.toFixed(1)} ms, ${Math.round(SECOND / milliseconds)} frames a second at most`
}

/** The clips that Node answered: whole, and frame by frame. */
async function compareStored(session) {
  const [count] = stored.clips.shape
  const bytes = Uint8Array.from(stored.clips.data)
  const lengths = new Tensor('int32', new Int32Array(count).fill(time), [count])
  const { probabilities } = await session.run({ clips: new Tensor('uint8', bytes, stored.clips.shape), lengths })
  const expected = stored.probabilities.flat()
  let largest = difference(probabilities.data, expected)
  for (let clip = 0; clip < count; clip++) {
    stream.reset()
    let answer
    for (let frame = 0; frame < time; frame++) {
      const begin = (clip * time + frame) * width * height
      answer = await stream.push(bytes.slice(begin, begin + width * height), sizes)
    }
    largest = Math.max(largest, difference(answer, stored.probabilities[clip]))
  }
  return `differ by ${largest.toExponential(1)} at most`
}

function difference(values, expected) {
  return expected.reduce((most, value, at) => Math.max(most, Math.abs(value - values[at])), 0)
}
