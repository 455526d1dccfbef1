//! Recordings against ffmpeg. Fixtures: `python make_fixtures.py` with ffmpeg 5.1.9.

use std::path::{Path, PathBuf};

use zoetrope_media::{Error, Result, read_sound, sound_length};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn expected(name: &str) -> Vec<f32> {
    let bytes = std::fs::read(fixture(&format!("{name}.f32"))).unwrap_or_default();
    bytes
        .as_chunks()
        .0
        .iter()
        .map(|&value| f32::from_le_bytes(value))
        .collect()
}

/// FLAC is exact. MP3 and Vorbis are defined up to rounding.
#[test]
fn recordings_are_decoded_as_ffmpeg_decodes_them() -> Result<()> {
    for (name, rate, tolerance) in [
        ("chirp.flac", 8000, 0.0),
        ("chirp.mp3", 16000, 1e-4),
        ("chirp.ogg", 8000, 1e-4),
    ] {
        let sound = read_sound(&fixture(name))?;
        let expected = expected(name);
        assert_eq!((sound.channels, sound.sample_rate), (2, rate), "{name}");
        assert_eq!(sound.data.len(), expected.len(), "{name}");
        let differences = sound.data.iter().zip(&expected).map(|(a, b)| (a - b).abs());
        let largest = differences.fold(0.0, f32::max);
        assert!(largest <= tolerance, "{name}: {largest}");
        let length = sound_length(&fixture(name))?;
        assert_eq!(length.frames as usize * 2, sound.data.len(), "{name}");
    }
    Ok(())
}

#[test]
fn a_recording_that_is_cut_off_or_changed_is_refused() -> std::io::Result<()> {
    let folder = tempfile::tempdir()?;
    let whole = std::fs::read(fixture("chirp.flac"))?;
    let path = folder.path().join("cut.flac");
    for len in (0..whole.len()).step_by(61) {
        std::fs::write(&path, &whole[..len])?;
        let cut = read_sound(&path);
        assert!(
            matches!(&cut, Err(Error::File { .. })),
            "{len}: {:?}",
            cut.map(|sound| sound.data.len())
        );
    }
    let mut changed = whole.clone();
    let at = whole.len() - 200;
    changed[at] ^= 0x10;
    std::fs::write(&path, changed)?;
    assert!(matches!(read_sound(&path), Err(Error::File { .. })));
    Ok(())
}

#[test]
fn what_is_no_recording_is_refused() {
    assert!(matches!(read_sound(&fixture("rgb.png")), Err(Error::File { .. })));
    assert!(matches!(read_sound(Path::new("/nowhere.mp3")), Err(Error::File { .. })));
    assert!(matches!(read_sound(Path::new("/dev/zero")), Err(Error::File { .. })));
}
