//! Which device a model lives on, and CUDA's half of libtorch, which is opened at run time only.

use std::sync::OnceLock;

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
use tch::Device;

use crate::error::{Error, Result};

static CUDA: OnceLock<std::result::Result<(), String>> = OnceLock::new();

/// Prepares libtorch, once: our CPU allocator, and CUDA's half where there is one.
///
/// It must be there before libtorch's first operation, because libtorch caches whether it has CUDA: so everything that
/// enters core's numerics comes by here first. The library is looked for where `libtorch_cpu.so` was found (the
/// addon's search path) and in `LD_LIBRARY_PATH`.
pub(crate) fn prepare_libtorch() -> &'static std::result::Result<(), String> {
    CUDA.get_or_init(|| {
        // Without our allocator everything works as well, only slower.
        let _ = crate::kernels::install_allocator();
        // SAFETY: libtorch's initialisers run as they do in PyTorch; the library is never unloaded.
        match unsafe { Library::open(Some("libtorch_cuda.so"), RTLD_NOW | RTLD_GLOBAL) } {
            Ok(library) => {
                std::mem::forget(library);
                Ok(())
            }
            Err(error) => Err(std::error::Error::source(&error).map_or(error.to_string(), ToString::to_string)),
        }
    })
}

/// Number of CUDA devices that can be used.
#[must_use]
pub fn cuda_device_count() -> i64 {
    if prepare_libtorch().is_ok() && tch::utils::has_cuda() {
        tch::Cuda::device_count()
    } else {
        0
    }
}

/// Takes `auto` (CUDA where it is there), `cpu`, `cuda` or `cuda:N`.
///
/// # Errors
/// `DeviceUnavailable` for a CUDA device that is not there, `InvalidConfig` for any other word.
pub fn resolve(device: &str) -> Result<Device> {
    let count = cuda_device_count();
    let index = match device {
        "cpu" => return Ok(Device::Cpu),
        "auto" if count == 0 => return Ok(Device::Cpu),
        "auto" | "cuda" => 0,
        other => other
            .strip_prefix("cuda:")
            .and_then(|index| index.parse::<i64>().ok())
            .filter(|index| *index >= 0)
            .ok_or_else(|| Error::invalid("device", "'auto', 'cpu', 'cuda' or 'cuda:N'", format!("'{other}'")))?,
    };
    if index < count {
        return Ok(Device::Cuda(index as usize));
    }
    let reason = match prepare_libtorch() {
        Err(reason) => format!("CUDA's part of libtorch could not be opened ({reason}). Use device 'cpu' or 'auto'"),
        Ok(()) => format!("{count} CUDA devices are there, counted from 0. Use device 'cpu' or 'auto'"),
    };
    Err(Error::DeviceUnavailable {
        device: device.to_owned(),
        reason,
    })
}

/// The instruction set that the CPU kernels use: the best that the processor has, unless `ZOETROPE_CPU` asks for less.
#[must_use]
pub fn instruction_set() -> String {
    crate::kernels::instruction_set()
}

/// The device's name as users write it.
#[must_use]
pub fn name(device: Device) -> String {
    match device {
        Device::Cuda(index) => format!("cuda:{index}"),
        _ => "cpu".to_owned(),
    }
}
