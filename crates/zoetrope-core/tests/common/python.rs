//! PyTorch itself, where the machine has it.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::TestResult;

/// The Python to use, `$ZOETROPE_PYTHON` or `python3`; without torch 2.11 there is none, and the reason is printed.
#[allow(clippy::print_stdout)]
pub fn python_with_torch() -> Option<OsString> {
    find().map_err(|reason| println!("skipped: {reason}")).ok()
}

fn find() -> Result<OsString, String> {
    let python = env::var_os("ZOETROPE_PYTHON").unwrap_or_else(|| "python3".into());
    let name = python.to_string_lossy();
    let output = Command::new(&python)
        .args(["-c", "import torch; print(torch.__version__)"])
        .output()
        .map_err(|error| format!("{name} does not run ({error})"))?;
    if !output.status.success() {
        return Err(format!(
            "{name} has no torch; set ZOETROPE_PYTHON to one that has torch 2.11"
        ));
    }
    let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if version.starts_with("2.11.") {
        Ok(python)
    } else {
        Err(format!(
            "{name} has torch {version}, not 2.11; set ZOETROPE_PYTHON to one that has"
        ))
    }
}

/// Runs a script of `tests/` on some files; what it said, or an error with that in it.
pub fn run(python: &OsStr, script: &str, paths: &[PathBuf]) -> TestResult<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(script);
    let output = Command::new(python).arg("-B").arg(&script).args(paths).output()?;
    let [said, complained] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    if output.status.success() {
        Ok(said.into_owned())
    } else {
        Err(format!("{said}{complained}").into())
    }
}
