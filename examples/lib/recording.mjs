/** Recordings as arrays of `[1, samples]`. */

/** Plays a recording, `[1, samples]`, `speed` times as fast; between two samples it is interpolated linearly. */
export function faster({ data, shape: [, samples], sampleRate }, speed) {
  const length = Math.floor((samples - 1) / speed) + 1
  const played = Float32Array.from({ length }, (_, sample) => {
    const place = sample * speed
    const left = Math.floor(place)
    const right = Math.min(left + 1, samples - 1)
    return data[left] + (place - left) * (data[right] - data[left])
  })
  return { data: played, shape: [1, length], sampleRate }
}

/** Scales a recording so that its loudest sample is 1. */
export function asLoud({ data, ...rest }) {
  const loudest = data.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  return { data: loudest > 0 ? data.map((value) => value / loudest) : data, ...rest }
}

/** Takes the mean over the recording away. */
export function centred({ data, shape }) {
  const mean = data.reduce((sum, value) => sum + value, 0) / data.length
  return { data: data.map((value) => value - mean), shape }
}
