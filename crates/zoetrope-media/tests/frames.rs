//! Images against Pillow. Fixtures: `python make_fixtures.py` with Pillow 13.0.0.

use std::path::{Path, PathBuf};

use zoetrope_media::{Channels, Error, Filter, FrameOptions, Mode, Result, Size, frames, image_size};

const MODES: [(&str, Mode); 3] = [("fit", Mode::Fit), ("fill", Mode::Fill), ("stretch", Mode::Stretch)];
const FILTERS: [(&str, Filter); 5] = [
    ("nearest", Filter::Nearest),
    ("box", Filter::Box),
    ("bilinear", Filter::Bilinear),
    ("bicubic", Filter::Bicubic),
    ("lanczos", Filter::Lanczos),
];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn expected(name: &str) -> Vec<u8> {
    std::fs::read(fixture(name)).unwrap_or_default()
}

/// `[channels, height, width]` as `[height, width, channels]`.
fn interleaved(frame: &[u8], channels: usize) -> Vec<u8> {
    let pixels = frame.len() / channels;
    (0..pixels)
        .flat_map(|pixel| (0..channels).map(move |channel| frame[channel * pixels + pixel]))
        .collect()
}

/// The largest and the mean difference.
fn difference(actual: &[u8], expected: &[u8]) -> (u8, f64) {
    assert_eq!(actual.len(), expected.len());
    let differences: Vec<u8> = actual.iter().zip(expected).map(|(a, b)| a.abs_diff(*b)).collect();
    let sum: f64 = differences.iter().map(|&difference| f64::from(difference)).sum();
    (
        differences.iter().copied().max().unwrap_or(0),
        sum / differences.len() as f64,
    )
}

fn read(name: &str, size: Size, channels: Channels, resize: Option<(Mode, Filter)>) -> Result<Vec<u8>> {
    let options = FrameOptions { size, channels, resize };
    let clip = frames(&[fixture(name)], &options)?;
    Ok(interleaved(&clip, channels.count()))
}

/// PNG is exact. JPEG decoders may round differently: the inverse cosine transform, the interpolation of chroma, and
/// the change to RGB.
#[test]
fn images_are_decoded_as_pillow_decodes_them() -> Result<()> {
    let upright = Size { height: 20, width: 31 };
    let turned = Size { height: 31, width: 20 };
    for (name, size, most, mean) in [
        ("rgb.png", upright, 0, 0.0),
        ("rgba.png", upright, 0, 0.0),
        ("palette.png", upright, 0, 0.0),
        ("grey.png", upright, 0, 0.0),
        ("bits.png", upright, 0, 0.0),
        ("turned.png", turned, 0, 0.0),
        ("grey.jpg", upright, 1, 0.1),
        ("444.jpg", upright, 2, 0.1),
        ("turned.jpg", turned, 2, 0.1),
        ("422.jpg", upright, 2, 0.5),
        ("420.jpg", upright, 2, 0.6),
        ("progressive.jpg", upright, 2, 0.6),
        ("cmyk.jpg", upright, 1, 0.1),
    ] {
        for (channels, suffix) in [(Channels::Rgb, "rgb"), (Channels::Grey, "grey")] {
            let pixels = read(name, size, channels, None)?;
            let (largest, average) = difference(&pixels, &expected(&format!("{name}.{suffix}")));
            assert!(
                largest <= most && average <= mean,
                "{name} {suffix}: {largest}, {average}"
            );
        }
    }
    Ok(())
}

/// Smaller and larger. Both compute in fixed point, and differ by a level where a sum lies between two: Lanczos's sums
/// by two. The middle of a frame may begin between two pixels, and the nearest one is then a matter of taste.
#[test]
fn frames_are_resized_as_pillow_resizes_them() -> Result<()> {
    for (mode_name, mode) in MODES {
        for (filter_name, filter) in FILTERS {
            for (width, height) in [(12, 12), (45, 25)] {
                let pixels = read("rgb.png", Size { height, width }, Channels::Rgb, Some((mode, filter)))?;
                let name = format!("{mode_name}-{filter_name}-{width}x{height}.rgb");
                let (largest, average) = difference(&pixels, &expected(&name));
                let most = match (mode, filter) {
                    (Mode::Fill, Filter::Nearest | Filter::Box) => u8::MAX,
                    (_, Filter::Nearest) => 0,
                    (_, Filter::Lanczos) => 2,
                    _ => 1,
                };
                assert!(largest <= most && average < 0.5, "{name}: {largest}, {average}");
            }
        }
    }
    Ok(())
}

#[test]
fn the_header_tells_size_and_channels() -> Result<()> {
    assert_eq!(
        image_size(&fixture("420.jpg"))?,
        (Size { height: 20, width: 31 }, Channels::Rgb)
    );
    assert_eq!(
        image_size(&fixture("turned.jpg"))?,
        (Size { height: 31, width: 20 }, Channels::Rgb)
    );
    assert_eq!(
        image_size(&fixture("grey.png"))?,
        (Size { height: 20, width: 31 }, Channels::Grey)
    );
    Ok(())
}

#[test]
fn a_frame_of_another_size_is_refused_where_nothing_says_how_to_resize() {
    let size = Size { height: 8, width: 8 };
    let refused = read("rgb.png", size, Channels::Rgb, None);
    assert!(matches!(refused, Err(Error::File { expected, actual, .. })
        if expected == "frames of 8 × 8 pixels, as the first clip's" && actual.starts_with("31 × 20")));
}

/// Each cut of an image, but for a few bytes at its end that hold no pixels, is an error that names it.
#[test]
fn an_image_that_is_cut_off_is_refused() -> std::io::Result<()> {
    let folder = tempfile::tempdir()?;
    let upright = Size { height: 20, width: 31 };
    for (name, marker) in [
        ("420.jpg", 2),
        ("444.jpg", 2),
        ("progressive.jpg", 2),
        ("rgb.png", 0),
        ("grey.png", 0),
    ] {
        let whole = std::fs::read(fixture(name))?;
        for len in (0..whole.len() - marker).step_by(37).chain([whole.len() - marker - 1]) {
            let path = folder.path().join("cut");
            std::fs::write(&path, &whole[..len])?;
            let options = FrameOptions {
                size: upright,
                channels: Channels::Rgb,
                resize: None,
            };
            let cut = frames(std::slice::from_ref(&path), &options);
            assert!(
                matches!(&cut, Err(Error::File { path: named, .. }) if *named == path.to_string_lossy()),
                "{name} at {len} of {}: {:?}",
                whole.len(),
                cut.map(|clip| clip.len())
            );
        }
    }
    Ok(())
}

/// A header of 65,535 × 65,535 pixels, and a PNG of 2³¹ − 1 columns, must not make anybody allocate.
#[test]
fn an_image_with_too_many_pixels_is_refused_before_anything_is_allocated() -> std::io::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut jpeg = std::fs::read(fixture("444.jpg"))?;
    let frame = jpeg
        .windows(2)
        .position(|bytes| bytes == [0xff, 0xc0])
        .unwrap_or_default();
    jpeg[frame + 5..frame + 9].fill(0xff);
    let path = folder.path().join("huge.jpg");
    std::fs::write(&path, jpeg)?;
    for result in [image_size(&path).map(|_| ()), read_any(&path)] {
        assert!(matches!(result, Err(Error::File { actual, .. }) if actual.contains("65535")));
    }
    Ok(())
}

fn read_any(path: &Path) -> Result<()> {
    let options = FrameOptions {
        size: Size { height: 8, width: 8 },
        channels: Channels::Rgb,
        resize: Some((Mode::Fill, Filter::Bilinear)),
    };
    frames(&[path.to_owned()], &options).map(|_| ())
}
