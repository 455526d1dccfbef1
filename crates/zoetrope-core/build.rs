//! Compiles the C++ kernels against the libtorch that torch-sys was built with.

use std::path::Path;

fn main() {
    let lib = std::env::var("DEP_TCH_LIBTORCH_LIB").unwrap_or_default();
    let include = Path::new(&lib).with_file_name("include");
    println!("cargo:rustc-link-arg=-Wl,-rpath,{lib}");
    println!("cargo:rerun-if-changed=kernels");
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        .flag("-fopenmp") // without it at::parallel_for is silently serial
        .flag("-isystem")
        .flag(include.as_os_str())
        .flag("-isystem")
        .flag(include.join("torch/csrc/api/include").as_os_str())
        .files(["kernels/random.cpp", "kernels/optimizer.cpp"])
        .compile("zoetrope_kernels");
}
