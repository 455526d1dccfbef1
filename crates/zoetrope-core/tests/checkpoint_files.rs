//! What may be at a path: links, files of others, leftovers, and what is no file at all.

#![allow(clippy::panic, missing_docs)]

mod common;

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::{
    TempFolder, TestResult, assert_same_parameters, config, plain_lstm, seeded, small_config, snapshot, state_of,
};
use rustix::fs::{FlockOperation, flock};
use serde_json::json;
use tch::{Device, Kind, Tensor};
use zoetrope_core::{CnnLstm, Error};

fn small_model(seed: u64) -> TestResult<CnnLstm> {
    seeded(&small_config(&plain_lstm())?, seed)
}

#[track_caller]
fn assert_refused<T>(what: &str, outcome: zoetrope_core::Result<T>, reason: &str) {
    match outcome {
        Err(error @ Error::Checkpoint { .. }) => {
            assert!(
                error.to_string().contains(reason),
                "{what}: `{reason}` is not in: {error}"
            );
        }
        Err(other) => panic!("{what}: expected Error::Checkpoint, received {other:?}"),
        Ok(_) => panic!("{what}: expected Error::Checkpoint, received no error"),
    }
}

#[track_caller]
fn assert_holds(path: &Path, model: &CnnLstm) -> TestResult {
    let file = CnnLstm::load(path, Device::Cpu)?;
    assert_same_parameters(&snapshot(&file), &snapshot(model));
    Ok(())
}

#[test]
fn a_link_stays_and_the_file_behind_it_is_written() -> TestResult {
    let folder = TempFolder::new("links")?;
    fs::create_dir(folder.join("run"))?;
    let file = folder.join("run/model.safetensors");
    let link = |name: &str, target: &str| -> TestResult<PathBuf> {
        let path = folder.join(name);
        symlink(target, &path)?;
        Ok(path)
    };
    let links = [
        ("absolute", link("absolute", &file.display().to_string())?),
        ("relative, dangling at first", link("run/latest", "model.safetensors")?),
        ("out of its folder", link("out", "run/model.safetensors")?),
        ("a chain", link("chain", "run/latest")?),
        ("through a folder that is a link", {
            link("last-run", "run")?;
            folder.join("last-run/latest")
        }),
    ];
    for (seed, (what, path)) in links.iter().enumerate() {
        let model = small_model(seed as u64)?;
        model.save(path)?;
        assert!(fs::symlink_metadata(path)?.is_symlink(), "{what}: the link is gone");
        assert!(fs::symlink_metadata(&file)?.is_file(), "{what}: no file behind it");
        assert_holds(&file, &model)?;
        assert_holds(path, &model)?;
        fs::remove_file(&file)?;
    }
    let circle = link("circle", "circle")?;
    assert_refused("a circle", small_model(1)?.save(&circle), "symbolic links");
    let astray = link("astray", "no/such/folder/model.safetensors")?;
    assert_refused("astray", small_model(1)?.save(&astray), "No such file or directory");
    Ok(())
}

#[test]
fn a_file_that_is_replaced_hands_its_mode_on() -> TestResult {
    let folder = TempFolder::new("modes")?;
    let (path, new) = (folder.join("model.safetensors"), folder.join("new.safetensors"));
    let plain = folder.join("plain");
    File::create(&plain)?;
    let model = small_model(1)?;
    model.save(&new)?;
    assert_eq!(
        fs::metadata(&new)?.mode(),
        fs::metadata(&plain)?.mode(),
        "a new file's mode is the umask's"
    );
    for mode in [0o600, 0o640, 0o664, 0o444] {
        fs::write(&path, "old")?;
        fs::set_permissions(&path, Permissions::from_mode(mode))?;
        model.save(&path)?;
        assert_eq!(fs::metadata(&path)?.mode() & 0o7777, mode, "{mode:o}");
        assert_holds(&path, &model)?;
        fs::remove_file(&path)?;
    }
    Ok(())
}

#[test]
fn what_is_no_regular_file_is_refused() -> TestResult {
    let folder = TempFolder::new("no-file")?;
    let mut model = small_model(1)?;
    let fifo = folder.join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status()?.success());
    let _listener = UnixListener::bind(folder.join("socket"))?;
    symlink(&fifo, folder.join("link"))?;
    for (path, reason) in [
        (fifo, "a FIFO"),
        (folder.join("link"), "a FIFO"),
        (folder.join("socket"), "a socket"),
        (folder.join(""), "Is a directory"),
        (PathBuf::from("/dev/zero"), "a device"),
        (PathBuf::from("/dev/null"), "a device"),
        (folder.join("absent"), "No such file or directory"),
    ] {
        let what = path.display().to_string();
        assert_refused(&what, CnnLstm::load(&path, Device::Cpu), reason);
        assert_refused(&what, model.load_state_dict_file(&path), reason);
        if reason != "No such file or directory" {
            assert_refused(&what, model.save(&path), reason);
        }
    }
    Ok(())
}

/// Longer than any memory, on any file system that keeps holes: nothing but the header may be read.
#[test]
fn a_file_of_a_terabyte_is_refused_by_its_header() -> TestResult {
    let folder = TempFolder::new("terabyte")?;
    let path = folder.join("model.safetensors");
    let length = 1_u64 << 40;
    let header = json!({ "fc.bias": { "dtype": "F32", "shape": [length / 4], "data_offsets": [0, length] } });
    for content in [with_header(&header.to_string()), vec![0; 16]] {
        fs::write(&path, &content)?;
        if File::options()
            .write(true)
            .open(&path)?
            .set_len(content.len() as u64 + length)
            .is_err()
        {
            return Ok(());
        }
        assert_refused("load", CnnLstm::load(&path, Device::Cpu), "model.safetensors");
        let mut model = small_model(1)?;
        assert_refused(
            "load_state_dict",
            model.load_state_dict_file(&path),
            "model.safetensors",
        );
    }
    Ok(())
}

/// Only a file that nobody holds a lock on is left over.
#[test]
fn leftovers_of_a_killed_save_go_at_the_next_one() -> TestResult {
    let folder = TempFolder::new("leftovers")?;
    let path = folder.join("model.safetensors");
    let prefix = temporary_prefix(&folder, &path)?;
    let (left, held, other) = (
        folder.join(&format!("{prefix}left.tmp")),
        folder.join(&format!("{prefix}held.tmp")),
        folder.join(".zoetrope-0123456789abcdef-other.tmp"),
    );
    for path in [&left, &held, &other] {
        fs::write(path, "half a model")?;
    }
    let holder = File::open(&held)?;
    flock(&holder, FlockOperation::LockExclusive)?;
    let model = small_model(1)?;
    model.save(&path)?;
    assert!(!left.exists(), "the leftover is still there");
    assert!(held.exists(), "a file that another process writes was removed");
    assert!(other.exists(), "another file's leftover was removed");
    drop(holder);
    model.save(&path)?;
    assert!(!held.exists());
    assert_holds(&path, &model)
}

/// Many savers of one path, in several processes: each save succeeds, and the file is whole at the end.
#[test]
fn savers_of_one_path_do_not_take_each_others_files() -> TestResult {
    let folder = TempFolder::new("savers")?;
    let path = folder.join("model.safetensors");
    let spawn = || {
        Command::new(std::env::current_exe()?)
            .args(["--exact", "child_saves_again_and_again", "--ignored"])
            .env(CHILD_SAVES_TO, &path)
            .stdout(Stdio::piped())
            .spawn()
    };
    let children = [spawn()?, spawn()?, spawn()?];
    for child in children {
        let output = child.wait_with_output()?;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
    }
    assert_holds(&path, &small_model(3)?)?;
    assert_eq!(folder.names()?, ["model.safetensors"]);
    Ok(())
}

const CHILD_SAVES_TO: &str = "ZOETROPE_TEST_CHILD_SAVES_TO";

#[test]
#[ignore = "a third of savers_of_one_path_do_not_take_each_others_files"]
fn child_saves_again_and_again() -> TestResult {
    let Some(path) = std::env::var_os(CHILD_SAVES_TO) else {
        return Ok(());
    };
    let model = small_model(3)?;
    for _ in 0..100 {
        model.save(Path::new(&path))?;
    }
    Ok(())
}

/// Old PyTorch and converters write no counts, or write them as other numbers.
#[test]
fn counts_of_batch_norms_may_be_missing() -> TestResult {
    let folder = TempFolder::new("counts")?;
    let config = config(json!({
        "input": { "features": 2 },
        "numClasses": 3,
        "cnn": [{
            "outChannels": 4, "kernelSize": 3, "stride": 1, "padding": 1, "activation": "relu", "maxPool": null,
            "norm": "batch",
        }],
        "lstm": plain_lstm(),
    }))?;
    let (source, mut target) = (seeded(&config, 1)?, seeded(&config, 2)?);
    let count = "cnn.norm1.num_batches_tracked";
    let mut tensors: BTreeMap<String, Tensor> = source
        .state_dict()?
        .into_iter()
        .map(|entry| (entry.name, entry.tensor))
        .collect();
    drop(tensors.remove(count).ok_or("no count")?);
    let path = folder.join("without.safetensors");
    let text = serde_json::to_string(&config)?;
    for value in [
        None,
        Some(Tensor::from_slice(&[5.0_f32])),
        Some(Tensor::from_slice(&[5_i64]).squeeze()),
    ] {
        let expected = if value.is_some() { 5 } else { 0 };
        if let Some(value) = value {
            tensors.insert(count.to_owned(), value);
        }
        let listed: Vec<(&str, &Tensor)> = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
        common::safetensors_file::write(&path, &listed, &[("zoetrope.config", &text)])?;
        target.load_state_dict_file(&path)?;
        assert_same_parameters(&snapshot(&target), &snapshot(&source));
        let copies = tensors
            .iter()
            .map(|(name, tensor)| (name.clone(), tensor.copy()))
            .collect();
        target.load_state_dict(&state_of(copies))?;
        let loaded = CnnLstm::load(&path, Device::Cpu)?;
        for model in [&loaded, &target] {
            let state = model.state_dict()?;
            let entry = state.iter().find(|entry| entry.name == count).ok_or("no count")?;
            assert_eq!(
                (entry.tensor.kind(), entry.tensor.int64_value(&[])),
                (Kind::Int64, expected)
            );
        }
    }
    Ok(())
}

fn with_header(header: &str) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat()
}

/// How the names of temporary files of a path begin: read off one, which a folder in the path's place leaves no time to
/// see, so that a child is asked for it that is stopped by a limit on file sizes.
fn temporary_prefix(folder: &TempFolder, path: &Path) -> TestResult<String> {
    let output = Command::new("sh")
        .args([
            "-c",
            r#"ulimit -f 1; exec "$0" --exact child_saves_again_and_again --ignored"#,
        ])
        .arg(std::env::current_exe()?)
        .env(CHILD_SAVES_TO, path)
        .output()?;
    assert!(!output.status.success(), "the child was not killed by SIGXFSZ");
    let names = folder.names()?;
    let [left] = names.as_slice() else {
        return Err(format!("expected one leftover, received {names:?}").into());
    };
    fs::remove_file(folder.join(left))?;
    let end = left.rfind('-').ok_or("no prefix")? + 1;
    Ok(left[..end].to_owned())
}
