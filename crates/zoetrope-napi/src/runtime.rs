//! What belongs to the process: devices, threads, the shared random stream, and a clean exit.

use std::cell::RefCell;

use napi::bindgen_prelude::{BigInt, Env, Object};
use napi_derive::napi;
use zoetrope_core::{EngineCloser, device, give_up_jobs, guard_exit, threads};

thread_local! {
    /// Engines of this JavaScript thread's environment.
    static ENGINES: RefCell<Option<Vec<EngineCloser>>> = const { RefCell::new(None) };
}

/// Each JavaScript thread that loads the addon copies data in, and leaves the cores to the engines' threads. The process's
/// exit waits for those, whichever way it comes.
#[napi(module_exports)]
#[allow(clippy::unnecessary_wraps)] //                    the macro's signature
pub fn load(_exports: Object) -> napi::Result<()> {
    guard_exit();
    threads::work_alone();
    Ok(())
}

/// Has an engine's thread ended before its environment is torn down.
pub fn close_at_exit(env: &Env, engine: EngineCloser) -> napi::Result<()> {
    finish_at_exit(env)?;
    ENGINES.with_borrow_mut(|engines| {
        let engines = engines.get_or_insert_default();
        engines.retain(|engine| !engine.is_done());
        engines.push(engine);
    });
    Ok(())
}

/// Has the jobs under way end before the environment, whose memory they may read, is torn down.
pub fn finish_at_exit(env: &Env) -> napi::Result<()> {
    if ENGINES.with_borrow(Option::is_none) {
        env.add_env_cleanup_hook((), |()| shut_down())?;
        ENGINES.set(Some(Vec::new()));
    }
    Ok(())
}

/// Ends every model's thread of this environment after its running job, and gives up what waits. Node calls it with the
/// other cleanup hooks, and the facade when the process exits, where Node runs none. A program can take the facade's
/// listener away; the process is safe then as well, by [`guard_exit`].
#[napi(catch_unwind)]
pub fn shut_down() {
    let engines = ENGINES.with_borrow_mut(Option::take).unwrap_or_default();
    give_up_jobs();
    zoetrope_media::pool::give_up();
    engines.iter().for_each(EngineCloser::shut_down);
}

/// Number of CUDA devices that can be used.
#[napi(catch_unwind)]
#[must_use]
pub fn cuda_device_count() -> i64 {
    device::cuda_device_count()
}

/// Sets how many threads one operation may use, for every model, from its next job on: at most the number of cores. The
/// threads are made by the models' own.
#[napi(catch_unwind)]
pub fn set_num_threads(count: i32) {
    threads::set_num_threads(count);
}

/// How many threads one operation may use.
#[napi(catch_unwind)]
#[must_use]
pub fn get_num_threads() -> i32 {
    threads::num_threads()
}

/// The instruction set that the CPU kernels use: `baseline`, `avx2`, `avx512` or `amx`.
#[napi(catch_unwind)]
#[must_use]
pub fn instruction_set() -> String {
    device::instruction_set()
}

/// Restarts the random stream that models without a seed share.
#[napi(catch_unwind)]
pub fn manual_seed(seed: BigInt) -> napi::Result<()> {
    zoetrope_core::manual_seed(seed.get_u64().1).map_err(|error| napi::Error::from_reason(error.to_string()))
}
