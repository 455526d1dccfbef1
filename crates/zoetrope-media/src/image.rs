//! An image as pixels, whatever its format.

use std::path::Path;

use crate::error::{Error, Result};
use crate::orientation::Orientation;
use crate::{jpeg, png};

/// The most pixels of an image: 128 million, more than any camera's.
pub(crate) const MOST_PIXELS: u64 = 1 << 27;

/// Values of a pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channels {
    /// One: how light it is.
    Grey,
    /// Three: red, green and blue.
    Rgb,
}

impl Channels {
    /// How many.
    #[must_use]
    pub fn count(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::Rgb => 3,
        }
    }
}

/// Pixels of `[height, width, channels]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    pub width: usize,
    pub height: usize,
    pub channels: Channels,
    pub data: Vec<u8>,
}

/// What the header of an image says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// As it lies in the file, before it is turned upright.
    pub width: usize,
    pub height: usize,
    pub channels: Channels,
    pub orientation: Orientation,
}

/// Reads the header of a JPEG or PNG.
pub(crate) fn header(path: &Path, bytes: &[u8]) -> Result<Header> {
    let header = match Format::of(path, bytes)? {
        Format::Jpeg => jpeg::header(path, bytes)?,
        Format::Png => png::header(path, bytes)?,
    };
    check_size(path, header)?;
    Ok(header)
}

/// Decodes a JPEG or PNG, and turns it upright as its EXIF data says. Transparency is left out.
pub(crate) fn decode(path: &Path, bytes: &[u8], channels: Channels) -> Result<Image> {
    let (orientation, image) = match Format::of(path, bytes)? {
        Format::Jpeg => jpeg::decode(path, bytes)?,
        Format::Png => png::decode(path, bytes)?,
    };
    Ok(orientation.apply(image.into_channels(channels)))
}

/// Refuses an image before anything is allocated for its pixels.
pub(crate) fn check_size(path: &Path, header: Header) -> Result<()> {
    let pixels = header.width as u64 * header.height as u64;
    if pixels == 0 || pixels > MOST_PIXELS {
        let actual = format!("{} × {}", header.width, header.height);
        return Err(Error::file(
            path,
            format!("an image of 1 to {MOST_PIXELS} pixels"),
            actual,
        ));
    }
    Ok(())
}

enum Format {
    Jpeg,
    Png,
}

impl Format {
    /// By its first bytes: names are often wrong.
    fn of(path: &Path, bytes: &[u8]) -> Result<Self> {
        match bytes {
            [0xff, 0xd8, 0xff, ..] => Ok(Self::Jpeg),
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Ok(Self::Png),
            _ => Err(Error::file(
                path,
                "a JPEG or a PNG",
                format!("bytes that begin {}", first_bytes(bytes)),
            )),
        }
    }
}

fn first_bytes(bytes: &[u8]) -> String {
    let shown: Vec<_> = bytes.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    shown.join(" ")
}

impl Image {
    fn into_channels(self, channels: Channels) -> Self {
        let data = match (self.channels, channels) {
            (Channels::Grey, Channels::Rgb) => self.data.iter().flat_map(|&grey| [grey; 3]).collect(),
            (Channels::Rgb, Channels::Grey) => self.data.as_chunks().0.iter().copied().map(luminance).collect(),
            _ => self.data,
        };
        Self { channels, data, ..self }
    }
}

/// How light a colour is by ITU-R 601, in the same fixed point as Pillow's `convert("L")`.
fn luminance([red, green, blue]: [u8; 3]) -> u8 {
    ((u32::from(red) * 19_595 + u32::from(green) * 38_470 + u32::from(blue) * 7_471 + 0x8000) >> 16) as u8
}
