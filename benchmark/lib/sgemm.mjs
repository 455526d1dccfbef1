/** The machine's rate of float32 matrix products, beside what is measured. */
import { torchContenders } from './contenders.mjs'
import { summary } from './statistics.mjs'

const SIZE = 1024
const PRODUCTS = 8 //  of a turn

/** An entry that takes turns with others: products of matrices of 1024² in PyTorch, whose BLAS is MKL. */
export const sgemm = { contender: torchContenders[0], job: { task: 'sgemm', size: SIZE, products: PRODUCTS } }

/** FLOPs a second, one number per turn. */
export const sgemmRates = ({ sweepsMs }) => summary(sweepsMs.map((ms) => (PRODUCTS * 2 * SIZE ** 3 * 1000) / ms))
