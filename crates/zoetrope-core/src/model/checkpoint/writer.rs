//! Writing a file whole or not at all.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;
use tempfile::NamedTempFile;

use super::reader::check_regular;

/// Symbolic links that are followed one after the other, as many as Linux follows.
const MOST_LINKS: usize = 40;
/// How the names of temporary files end.
const SUFFIX: &str = ".tmp";
/// What the mode of a new file is before the umask.
const READABLE_BY_ALL: u32 = 0o666;

/// A file that appears at its path whole or not at all: until then it is a temporary file beside, which is removed where it
/// is dropped. A symbolic link stays: the file behind it is replaced.
pub(crate) struct AtomicFile {
    /// Behind symbolic links.
    path: PathBuf,
    /// What is at the path now.
    replaced: Option<Metadata>,
    temporary: NamedTempFile,
}

impl AtomicFile {
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let (path, replaced) = follow_links(path)?;
        let name = path.file_name().ok_or(Errno::ISDIR)?;
        let directory = directory_of(&path);
        let prefix = temporary_prefix(name);
        remove_stale(directory, &prefix);
        let mode = replaced
            .as_ref()
            .map_or(READABLE_BY_ALL, |replaced| replaced.mode() & 0o777);
        let temporary = locked_temporary(directory, &prefix, mode)?;
        Ok(Self {
            path,
            replaced,
            temporary,
        })
    }

    /// What is written to.
    pub(crate) fn file(&mut self) -> &mut impl Write {
        self.temporary.as_file_mut() //             whose errors do not name the temporary file, which nobody knows
    }

    /// Where it will be.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where it is.
    pub(crate) fn temporary_path(&self) -> &Path {
        self.temporary.path()
    }

    /// Flushes it and renames it over its path. A file that is replaced hands its mode on, and its owner where the system
    /// lets us.
    pub(crate) fn persist(self) -> io::Result<()> {
        if let Some(replaced) = &self.replaced {
            hand_on(replaced, self.temporary.as_file())?;
        }
        self.temporary.as_file().sync_all()?;
        self.temporary.persist(&self.path)?;
        File::open(directory_of(&self.path))?.sync_all() // the rename itself
    }
}

/// The path at the end of a chain of symbolic links, and what is there: nothing yet, or a regular file.
fn follow_links(path: &Path) -> io::Result<(PathBuf, Option<Metadata>)> {
    let mut path = path.to_owned();
    for _ in 0..=MOST_LINKS {
        let metadata = match fs::symlink_metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok((path, None)),
            Err(error) => return Err(error),
        };
        if !metadata.is_symlink() {
            check_regular(&metadata)?;
            return Ok((path, Some(metadata)));
        }
        path = directory_of(&path).join(fs::read_link(&path)?); // an absolute target replaces the directory
    }
    Err(Errno::LOOP.into())
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// How the names of the temporary files of that file begin: the same in every process, and short however long the
/// file's own name is.
fn temporary_prefix(name: &OsStr) -> String {
    let fnv1a = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = name.as_bytes().iter().fold(0xcbf2_9ce4_8422_2325, fnv1a);
    format!(".zoetrope-{hash:016x}-")
}

/// A new temporary file, locked for as long as it is open: the system gives the lock back when the process dies, and
/// [`remove_stale`] of another save leaves a locked file alone.
fn locked_temporary(directory: &Path, prefix: &str, mode: u32) -> io::Result<NamedTempFile> {
    const ATTEMPTS: usize = 100;
    for _ in 0..ATTEMPTS {
        let temporary = tempfile::Builder::new()
            .permissions(Permissions::from_mode(mode | 0o600)) // the umask takes away what it should
            .prefix(prefix)
            .suffix(SUFFIX)
            .tempfile_in(directory)?;
        // Another save may have found the file before it was locked, and may be removing it.
        let is_taken = flock(temporary.as_file(), FlockOperation::NonBlockingLockExclusive) == Err(Errno::WOULDBLOCK);
        if !is_taken && temporary.as_file().metadata()?.nlink() > 0 {
            return Ok(temporary);
        }
    }
    Err(io::Error::other("others keep removing the temporary file"))
}

/// Removes what earlier saves of the same file left that were killed. Where that fails, nothing is lost.
fn remove_stale(directory: &Path, prefix: &str) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    let is_temporary = |name: &str| name.starts_with(prefix) && name.ends_with(SUFFIX);
    for entry in entries.flatten() {
        if entry.file_name().to_str().is_some_and(is_temporary) {
            remove_unlocked(&entry.path());
        }
    }
}

fn remove_unlocked(path: &Path) {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let opened = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(flags.bits() as i32)
        .open(path);
    let Ok(file) = opened else { return };
    let is_file = file.metadata().is_ok_and(|metadata| metadata.is_file());
    if is_file && flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
        fs::remove_file(path).ok();
    }
}

/// Gives a file the owner of the one that it replaces, where the system lets us, and its mode.
fn hand_on(replaced: &Metadata, file: &File) -> io::Result<()> {
    let own = file.metadata()?;
    if (own.uid(), own.gid()) != (replaced.uid(), replaced.gid()) {
        fchown(file, Some(replaced.uid()), Some(replaced.gid())).ok();
    }
    file.set_permissions(Permissions::from_mode(replaced.mode() & 0o7777))
}
