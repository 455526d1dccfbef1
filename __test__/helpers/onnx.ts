/** Exported files as programs without Zoetrope run them: by onnxruntime-node on the CPU. */
import { InferenceSession, Tensor } from 'onnxruntime-node'
import type { NdArray } from 'zoetrope'

export async function openOnnx(path: string): Promise<InferenceSession> {
  return InferenceSession.create(path, { executionProviders: ['cpu'], intraOpNumThreads: 1, logSeverityLevel: 3 })
}

/** What a file answers, by output. */
export async function runOnnx(
  session: InferenceSession,
  { data, shape }: NdArray,
  lengths: Int32Array | null,
): Promise<Record<string, { data: Float32Array; shape: readonly number[] }>> {
  const results = await session.run({
    clips: new Tensor(data, shape),
    ...(lengths && { lengths: new Tensor(lengths, [lengths.length]) }),
  })
  const entries = Object.entries(results).map(([name, tensor]) => [
    name,
    { data: tensor.data as Float32Array, shape: tensor.dims },
  ])
  return Object.fromEntries(entries) as Record<string, { data: Float32Array; shape: readonly number[] }>
}

/** The largest difference of two arrays, by the largest of the second. Infinite where one alone has `NaN`. */
export function relativeDifference(values: Float32Array, expected: Float32Array): number {
  if (values.length !== expected.length) return Infinity
  const largest = expected.reduce((most, value) => (Number.isNaN(value) ? most : Math.max(most, Math.abs(value))), 0)
  return expected.reduce((most, value, index) => {
    if (Object.is(values[index], value)) return most
    const difference = Math.abs(values[index]! - value) / (largest || 1)
    return Number.isNaN(difference) ? Infinity : Math.max(most, difference)
  }, 0)
}
