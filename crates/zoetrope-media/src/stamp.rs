//! What tells whether the files of a folder have changed.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::error::{Error, Result};

/// A stamp of the files right in a folder: their names, sizes, places on the disk, and when each was last changed. A file
/// that is written over in place changes it, which the folder's own time does not tell.
///
/// # Errors
/// `File` for a folder that cannot be read.
pub fn folder_stamp(path: &Path) -> Result<u64> {
    let unreadable = |error| Error::file(path, "a folder that can be read", error);
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let facts = fs::metadata(entry.path()).ok(); //          behind links; none of a link that leads nowhere
        let facts = facts.map(|facts| {
            let times = [facts.mtime(), facts.mtime_nsec(), facts.ctime(), facts.ctime_nsec()];
            (facts.ino(), facts.size(), times)
        });
        files.push((entry.file_name(), facts));
    }
    files.sort_unstable();
    let mut hasher = DefaultHasher::new();
    files.hash(&mut hasher);
    Ok(hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_of_a_file_changes_the_stamp() -> std::io::Result<()> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("1.png");
        let stamp = || folder_stamp(folder.path()).ok();
        let mut seen = vec![stamp()];
        fs::write(&file, "a")?;
        seen.push(stamp());
        assert_eq!(seen[1], stamp());
        let modified = fs::metadata(&file)?.modified()?;
        fs::write(folder.path().join("new"), "b")?; //           of the same size, and with the time of the file before
        fs::File::options()
            .write(true)
            .open(folder.path().join("new"))?
            .set_modified(modified)?;
        fs::rename(folder.path().join("new"), &file)?;
        seen.push(stamp());
        fs::rename(&file, folder.path().join("2.png"))?;
        seen.push(stamp());
        std::os::unix::fs::symlink("nowhere", folder.path().join("3.png"))?;
        seen.push(stamp());
        for (index, one) in seen.iter().enumerate() {
            assert!(one.is_some() && !seen[..index].contains(one), "{index}: {seen:?}");
        }
        assert!(folder_stamp(&folder.path().join("none")).is_err());
        Ok(())
    }
}
