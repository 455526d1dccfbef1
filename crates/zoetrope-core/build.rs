//! Compiles the C++ kernels against the libtorch that torch-sys was built with.
//!
//! A kernel of `kernels/cpu` is compiled once for each instruction set, into a namespace of its own; `isa.cpp` chooses
//! at run time. What is not a kernel (entry points, autograd, libtorch's own operations) is compiled once.

use std::path::Path;

/// The sources that are compiled once for each instruction set.
const KERNELS: &[&str] = &[
    "conv/forward",
    "conv/amx",
    "conv/backward_weight",
    "conv/backward_data",
    "conv/first_forward",
    "conv/first_backward",
    "conv/weight_gradient",
    "conv/flatten",
    "conv1d/over_time",
    "conv1d/forward",
    "conv1d/backward",
    "conv2d/forward",
    "conv2d/data_gradient",
    "conv2d/weight_gradient",
    "depthwise/forward",
    "depthwise/data_gradient",
    "depthwise/weight_gradient",
    "finish/statistics",
    "finish/forward",
    "finish/backward",
    "linear/small",
    "linear/forward",
    "linear/backward",
    "recurrent/forward",
    "recurrent/project",
    "recurrent/project_packed",
    "recurrent/backward",
    "recurrent/amx",
    "optimizer/update",
];
/// Of these, the folders that are as fast with `-O2`, and a quarter smaller. Winograd's are up to a fifth slower with it.
const SMALLER: &[&str] = &["recurrent/", "finish/", "conv1d/", "conv2d/", "depthwise/", "linear/"];
/// Plain C++, compiled once.
const ENTRY_POINTS: &[&str] = &[
    "exit",
    "cpu/isa",
    "cpu/conv/conv",
    "cpu/conv1d/conv1d",
    "cpu/conv2d/conv2d",
    "cpu/depthwise/depthwise",
    "cpu/finish/finish",
    "cpu/linear/linear",
    "cpu/recurrent/recurrent",
    "cpu/optimizer/optimizer",
];
/// C++ that includes libtorch.
const WITH_LIBTORCH: &[&str] = &[
    "torch/random",
    "torch/lent",
    "torch/linear",
    "torch/packed",
    "torch/optimizer",
    "torch/allocator",
    "torch/conv",
    "torch/conv1d",
    "torch/conv2d",
    "torch/finish",
    "torch/recurrent",
    "torch/threads",
];
/// Names and flags; a machine that lacks an instruction set never runs its code.
const INSTRUCTION_SETS: &[(&str, &[&str])] = &[
    ("baseline", &[]),
    ("avx2", &["-mavx2", "-mfma"]),
    (
        "avx512",
        &["-mavx512f", "-mavx512vl", "-mavx512bw", "-mavx512dq", "-mavx2", "-mfma"],
    ),
];
/// Besides for AVX-512, where the compiler knows them (GCC 11, Clang 11): the tile unit, `kernels/cpu/amx.h`.
const AMX: &[&str] = &["-mamx-tile", "-mamx-bf16"];

fn main() {
    let lib = std::env::var("DEP_TCH_LIBTORCH_LIB").unwrap_or_default();
    println!("cargo:rustc-link-arg=-Wl,-rpath,{lib}");
    println!("cargo:rerun-if-changed=kernels");

    let is_x86 = std::env::var("CARGO_CFG_TARGET_ARCH").as_deref() == Ok("x86_64");
    let has_amx = is_x86
        && AMX
            .iter()
            .all(|flag| compiler().is_flag_supported(flag).unwrap_or(false));
    for (name, flags) in INSTRUCTION_SETS
        .iter()
        .take(if is_x86 { INSTRUCTION_SETS.len() } else { 1 })
    {
        let more = if *name == "avx512" && has_amx { AMX } else { &[] };
        let is_old = *name == "baseline" && is_x86; // for processors from before 2013: two fifths smaller
        for is_smaller in [false, true] {
            let is_here = |kernel: &str| SMALLER.iter().any(|folder| kernel.starts_with(folder)) == is_smaller;
            let kernels = KERNELS.iter().filter(|kernel| is_here(kernel));
            let mut build = compiler();
            build
                .define("ZT_ISA", *name)
                .flag("-fno-exceptions") // a kernel calls nothing that throws: tables for that would be size alone
                .flag("-fno-asynchronous-unwind-tables")
                .files(kernels.map(|kernel| format!("kernels/cpu/{kernel}.cpp")));
            if is_old {
                build.opt_level_str("s");
            } else if is_smaller {
                build.opt_level(2);
            }
            for flag in flags.iter().chain(more) {
                build.flag(flag);
            }
            build.compile(&format!("zoetrope_{name}{}", if is_smaller { "_smaller" } else { "" }));
        }
    }
    let include = Path::new(&lib).with_file_name("include");
    let mut build = compiler();
    if has_amx {
        build.define("ZT_AMX", None);
    }
    build
        .opt_level_str("s") // the way to the kernels: a third smaller
        .flag("-isystem")
        .flag(include.as_os_str())
        .flag("-isystem")
        .flag(include.join("torch/csrc/api/include").as_os_str())
        .files(
            ENTRY_POINTS
                .iter()
                .chain(WITH_LIBTORCH)
                .map(|source| format!("kernels/{source}.cpp")),
        )
        .compile("zoetrope_kernels");
}

/// Without `-fopenmp` the kernels and `at::parallel_for` are silently serial. `-O3` in debug builds too: the kernels
/// have tests of their own.
fn compiler() -> cc::Build {
    let mut build = cc::Build::new();
    build
        .cpp(true)
        .std("c++17")
        .opt_level(3)
        .flag("-fopenmp")
        .flag("-ffp-contract=fast");
    build
}
