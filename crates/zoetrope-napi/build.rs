//! Sets up the Node-API link flags and the run-time search path of libtorch.

fn main() {
    napi_build::setup();
    let libtorch = std::env::var("DEP_TCH_LIBTORCH_LIB").unwrap_or_default();
    println!("cargo:rustc-link-arg=-Wl,-rpath,$ORIGIN:{libtorch}");
}
