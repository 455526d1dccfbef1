//! Images as the frames of a clip.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result, reserve};
use crate::file;
use crate::image::{self, Channels, Image};
use crate::resize::{Filter, FrameResizer, Mode, Size};

/// The most bytes of an image's file.
const LARGEST_FILE: u64 = 1 << 29;
/// The most bytes of a clip.
const LARGEST_CLIP: usize = 1 << 33;

/// How frames are made of images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameOptions {
    /// The size of a frame.
    pub size: Size,
    /// The values of a pixel.
    pub channels: Channels,
    /// How a frame of another shape becomes one of the size; `None` refuses it.
    pub resize: Option<(Mode, Filter)>,
}

/// Images as frames of `[time, channels, height, width]`: read, turned upright, made grey or coloured, resized.
///
/// # Errors
/// `File`, naming the image; `OutOfMemory`.
pub fn frames(paths: &[PathBuf], options: &FrameOptions) -> Result<Vec<u8>> {
    let Size { height, width } = options.size;
    let frame = height * width * options.channels.count();
    let first = paths.first().map_or(Path::new(""), PathBuf::as_path);
    let mut clip = Vec::new(); //                                    [time, channels, height, width]
    let len = paths.len().saturating_mul(frame);
    if len > LARGEST_CLIP {
        return Err(Error::file(
            first,
            format!("a clip of at most {LARGEST_CLIP} bytes"),
            len,
        ));
    }
    reserve(first, &mut clip, len)?;
    let (mode, filter) = options.resize.unwrap_or((Mode::Stretch, Filter::Nearest));
    let mut resizer = FrameResizer::new(options.size, mode, filter);
    for path in paths {
        let image = image::decode(path, &file::read(path, LARGEST_FILE)?, options.channels)?;
        if options.resize.is_none() {
            check_size(path, &image, options.size)?;
        }
        let pixels = resizer.resize(path, image)?; //                [height, width, channels]
        match options.channels {
            Channels::Grey => clip.extend_from_slice(&pixels),
            Channels::Rgb => {
                let (pixels, _) = pixels.as_chunks::<3>();
                for channel in 0..3 {
                    clip.extend(pixels.iter().map(|pixel| pixel[channel]));
                }
            }
        }
    }
    Ok(clip)
}

/// Size and channels of an image that is turned upright, without decoding it.
///
/// # Errors
/// `File`, naming the image.
pub fn image_size(path: &Path) -> Result<(Size, Channels)> {
    let header = image::header(path, &file::read(path, LARGEST_FILE)?)?;
    let (width, height) = header.orientation.size(header.width, header.height);
    Ok((Size { height, width }, header.channels))
}

fn check_size(path: &Path, image: &Image, size: Size) -> Result<()> {
    if (image.height, image.width) == (size.height, size.width) {
        return Ok(());
    }
    let expected = format!("frames of {} × {} pixels, as the first clip's", size.width, size.height);
    let actual = format!(
        "{} × {}; set `size`, and all are resized to it",
        image.width, image.height
    );
    Err(Error::file(path, expected, actual))
}
