import { permutation, seededRandom } from './random.mjs'

/**
 * The four motions: a digit jumps round a circle of eight places and stands on each of them exactly once. They differ
 * only in the order: by how many places (of 45°) it moves on from one frame to the next, and which way round.
 *
 * Whatever the class, the frames are the same eight, and the first place is drawn evenly from the whole circle. So a
 * single frame, and the set of all frames, have the same distribution in each class: only their order tells. Every
 * motion's time reverse is another of the four.
 */
export const motions = ['clockwise', 'counter-clockwise', 'clockwise leaps', 'counter-clockwise leaps']
const places = [1, -1, 3, -3]

export const time = 8
export const canvas = 32
const digit = 14 // a digit of 28 × 28, halved

/**
 * Makes one clip of every image in `digits` (`[count, 1, 28, 28]`): uint8 clips of `[count, time, 1, canvas, canvas]`
 * with their classes as targets, a pure function of the digits and the seed.
 */
export function makeClips(digits, seed) {
  const random = seededRandom(seed)
  const count = digits.shape[0]
  const data = new Uint8Array(count * time * canvas * canvas)
  // As many clips of each class, dealt at random: in MNIST's file two kinds of writers take turns, so that the class
  // would show in the handwriting if it went by a digit's place in the file.
  const targets = Int32Array.from(permutation(count, random), (place) => place % motions.length)
  for (let clip = 0; clip < count; clip++) {
    const circle = {
      row: canvas / 2 + between(-1, 1, random),
      column: canvas / 2 + between(-1, 1, random),
      radius: between(6, 8, random),
      start: between(0, 2 * Math.PI, random),
    }
    const sprite = halve(digits.data.subarray(clip * 28 * 28, (clip + 1) * 28 * 28))
    for (let frame = 0; frame < time; frame++) {
      const place = (frame * places[targets[clip]] + time * time) % time
      const angle = circle.start + (place / time) * 2 * Math.PI
      const top = Math.round(circle.row + circle.radius * Math.sin(angle) - digit / 2)
      const left = Math.round(circle.column + circle.radius * Math.cos(angle) - digit / 2)
      draw(sprite, data, (clip * time + frame) * canvas * canvas, top, left)
    }
  }
  return { inputs: { data, shape: [count, time, 1, canvas, canvas] }, targets }
}

/** The same clips, each with its frames in a random order of its own: what the frames alone can tell. */
export function shuffleFrames({ inputs, targets }, seed) {
  const random = seededRandom(seed)
  const [count, frames] = inputs.shape
  const size = inputs.data.length / (count * frames)
  const data = new Uint8Array(inputs.data.length)
  for (let clip = 0; clip < count; clip++) {
    permutation(frames, random).forEach((from, to) => {
      const start = (clip * frames + from) * size
      data.set(inputs.data.subarray(start, start + size), (clip * frames + to) * size)
    })
  }
  return { inputs: { data, shape: inputs.shape }, targets }
}

function between(low, high, random) {
  return low + (high - low) * random()
}

/** Halves an image of 28 × 28 to 14 × 14: each pixel is the mean of four. */
function halve(image) {
  return Uint8Array.from({ length: digit * digit }, (_, pixel) => {
    const corner = Math.floor(pixel / digit) * 2 * 28 + (pixel % digit) * 2
    return Math.round((image[corner] + image[corner + 1] + image[corner + 28] + image[corner + 29]) / 4)
  })
}

function draw(sprite, data, frame, top, left) {
  for (let row = 0; row < digit; row++) {
    data.set(sprite.subarray(row * digit, (row + 1) * digit), frame + (top + row) * canvas + left)
  }
}
