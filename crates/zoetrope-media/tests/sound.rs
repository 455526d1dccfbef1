//! Recordings against ffmpeg and torchaudio. Fixtures: `python make_fixtures.py` with ffmpeg 5.1.9 and torchaudio 2.11.0.

use std::path::{Path, PathBuf};

use zoetrope_media::{Error, Result, Sound, read_sound, resample, resampled_frames, sound_length};

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

/// `torchaudio.functional.resample` in float64, with the parameters *kaiser best*.
#[test]
fn recordings_are_resampled_as_torchaudio_resamples_them() -> Result<()> {
    let path = fixture("chirp.flac");
    for rate in [11_025, 3000, 4999] {
        let chirp = read_sound(&path)?;
        let frames = resampled_frames(chirp.data.len() as u64 / 2, 8000, rate);
        let resampled = resample(&path, chirp, rate)?;
        let expected = expected(&format!("chirp.{rate}"));
        assert_eq!((resampled.channels, resampled.sample_rate), (2, rate));
        assert_eq!(
            [resampled.data.len(), frames as usize * 2],
            [expected.len(); 2],
            "{rate}"
        );
        let differences = resampled.data.iter().zip(&expected).map(|(a, b)| (a - b).abs());
        let largest = differences.fold(0.0, f32::max);
        assert!(largest <= 1e-6, "{rate}: {largest}");
    }
    Ok(())
}

#[test]
fn resampling_at_the_edges() -> Result<()> {
    let path = Path::new("made.wav");
    let of = |data: Vec<f32>, channels, sample_rate| Sound {
        data,
        channels,
        sample_rate,
    };
    let same = resample(path, of(vec![0.5, -0.5], 1, 8000), 8000)?;
    assert_eq!(same.data, [0.5, -0.5]);
    assert!(resample(path, of(Vec::new(), 2, 8000), 44_100)?.data.is_empty());
    let one = resample(path, of(vec![1.0], 1, 8000), 16_000)?;
    assert_eq!(one.data.len(), 2);
    assert!((one.data[0] - 0.9476).abs() < 1e-3, "{:?}", one.data);
    let refused = resample(path, of(vec![1.0], 1, 3_999_999_979), 1_999_999_973);
    assert!(matches!(refused, Err(Error::File { .. })), "{refused:?}");
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
