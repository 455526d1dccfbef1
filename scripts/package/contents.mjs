/**
 * What each libtorch package holds: libraries by their folder in the unpacked wheels, licences, and words about both. The
 * libraries of the arm64 package are those of PyPI's wheel, whose BLAS is NVIDIA's.
 */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pins } from '../libtorch.mjs'

const inWheels = (path) => (tree) => join(tree, path)
const inSysroot = (path) => (_tree, sysroot) => join(sysroot, path)
const here = (name) => () => fileURLToPath(new URL(`licenses/${name}`, import.meta.url))

const pytorch = {
  from: 'torch/lib',
  libraries: ['libtorch_cpu.so', 'libc10.so'],
  licenses: {
    'libtorch-LICENSE.txt': inWheels(`torch-${pins.version}.dist-info/licenses/LICENSE`),
    'libtorch-NOTICE.txt': inWheels(`torch-${pins.version}.dist-info/licenses/NOTICE`),
  },
  notice: `libtorch_cpu.so, libc10.so   PyTorch ${pins.version}, BSD-3-Clause (libtorch-LICENSE.txt, which also has the licences of what
                             is linked into them: oneDNN, SLEEF, FBGEMM, XNNPACK and others; libtorch-NOTICE.txt).
`,
}

const mkl = {
  from: 'torch/lib',
  libraries: [],
  licenses: {},
  notice: `                             Intel's MKL is linked in under the Intel Simplified Software License.
`,
}

const gomp = {
  from: 'torch/lib',
  libraries: ['libgomp.so.1'],
  licenses: {
    'libgomp-COPYRIGHT.txt': inSysroot('usr/share/doc/gcc-10-base/copyright'), //  the wheel brings none
    'GPL-3.txt': inSysroot('usr/share/common-licenses/GPL-3'),
  },
  notice: `libgomp.so.1                 GCC's OpenMP runtime, GPL-3.0 with the GCC Runtime Library Exception 3.1, which allows programs of any
                             licence to use it (libgomp-COPYRIGHT.txt, GPL-3.txt). Its source is part of GCC, gcc.gnu.org.
`,
}

const cuda = {
  from: 'nvidia/cu13/lib',
  libraries: ['libcudart.so.13', 'libcupti.so.13'],
  licenses: {
    'cudart-LICENSE.txt': inWheels('nvidia_cuda_runtime-13.0.96.dist-info/licenses/License.txt'),
    'cupti-LICENSE.txt': inWheels('nvidia_cuda_cupti-13.0.85.dist-info/licenses/License.txt'),
  },
  notice: `libcudart.so.13              NVIDIA CUDA Runtime, redistributed under Attachment A of the CUDA Toolkit's licence
                             (cudart-LICENSE.txt). libtorch_cpu.so names it; without a GPU it does nothing.
libcupti.so.13               NVIDIA CUPTI, the same (cupti-LICENSE.txt).
`,
}

const armCompute = {
  from: 'torch/lib',
  libraries: ['libarm_compute.so', 'libarm_compute_graph.so'],
  licenses: { 'arm-compute-library-LICENSE.txt': here('arm-compute-library.txt') }, //  the wheel brings none
  notice: `libarm_compute*.so           Arm Compute Library 52.6, MIT (arm-compute-library-LICENSE.txt).
`,
}

const nvpl = {
  from: 'torch/lib',
  libraries: [
    'libnvpl_blas_core.so.0',
    'libnvpl_blas_lp64_gomp.so.0',
    'libnvpl_lapack_core.so.0',
    'libnvpl_lapack_lp64_gomp.so.0',
  ],
  licenses: { 'nvpl-LICENSE.txt': inWheels('nvpl_blas-0.3.0.dist-info/LICENSE') }, //  of its own wheel; PyTorch's has none
  notice: `libnvpl_*.so.0               NVIDIA Performance Libraries: BLAS 0.3.0, LAPACK 0.2.3.1, redistributed under section 1.3 of their
                             licence (nvpl-LICENSE.txt). libtorch_cpu.so names them.
`,
}

/** By the name of the platform. */
export const CONTENTS = {
  'linux-x64': [pytorch, mkl, gomp, cuda],
  'linux-arm64': [pytorch, gomp, cuda, armCompute, nvpl],
}

/** The text of a package's NOTICE. */
export const noticeOf = (contents) =>
  `This package holds libraries of others, unchanged, as their wheels on PyPI hold them:\n\n${contents.map(({ notice }) => notice).join('')}`
