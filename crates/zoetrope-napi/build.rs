//! Sets up the Node-API link flags and the run-time search path of libtorch.

fn main() {
    napi_build::setup();
    println!("cargo:rerun-if-env-changed=ZOETROPE_PREBUILT");
    // A prebuilt addon runs on the libtorch that `src/loader/` has opened before it, wherever that is. A path of the
    // machine that built it would be a leak, and a folder from which somebody else's library might be loaded.
    let libtorch = if std::env::var_os("ZOETROPE_PREBUILT").is_some() {
        String::new()
    } else {
        format!(":{}", std::env::var("DEP_TCH_LIBTORCH_LIB").unwrap_or_default())
    };
    println!("cargo:rustc-link-arg=-Wl,-rpath,$ORIGIN{libtorch}");
}
