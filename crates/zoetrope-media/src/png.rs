//! PNG, of every kind of pixel.

use std::io::Cursor;
use std::path::Path;

use png::{BitDepth, ColorType, Decoder, Limits, Reader, Transformations};

use crate::error::{Error, Result, reserve};
use crate::image::{Channels, Header, Image, MOST_PIXELS, check_size};
use crate::orientation::Orientation;

type Open<'a> = Reader<Cursor<&'a [u8]>>;

pub fn header(path: &Path, bytes: &[u8]) -> Result<Header> {
    open(path, bytes).map(|(_, header)| header)
}

pub fn decode(path: &Path, bytes: &[u8]) -> Result<(Orientation, Image)> {
    let (mut reader, header) = open(path, bytes)?;
    check_size(path, header)?;
    let Some(len) = reader.output_buffer_size() else {
        return Err(Error::file(path, "a PNG that fits into memory", "a larger one"));
    };
    let mut data = Vec::new();
    reserve(path, &mut data, len)?;
    data.resize(len, 0);
    let info = reader.next_frame(&mut data).map_err(|error| malformed(path, &error))?;
    reader.finish().map_err(|error| malformed(path, &error))?;
    let (channels, data) = match (info.color_type, info.bit_depth) {
        (ColorType::Grayscale, BitDepth::Eight) => (Channels::Grey, data),
        (ColorType::GrayscaleAlpha, BitDepth::Eight) => (Channels::Grey, data.iter().step_by(2).copied().collect()),
        (ColorType::Rgb, BitDepth::Eight) => (Channels::Rgb, data),
        (ColorType::Rgba, BitDepth::Eight) => (Channels::Rgb, without_alpha(&data)),
        (color, depth) => return Err(Error::file(path, "pixels of 8 bits", format!("{color:?} of {depth:?}"))),
    };
    let Header { width, height, .. } = header;
    let image = Image {
        width,
        height,
        channels,
        data,
    };
    Ok((header.orientation, image))
}

/// Palettes and fewer bits become bytes; of 16 bits the upper 8 are taken, as Pillow does.
fn open<'a>(path: &Path, bytes: &'a [u8]) -> Result<(Open<'a>, Header)> {
    let limits = Limits {
        bytes: (MOST_PIXELS * 8) as usize, // of one row, and of texts and profiles
    };
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    let reader = decoder.read_info().map_err(|error| malformed(path, &error))?;
    let info = reader.info();
    let exif = info.exif_metadata.as_deref();
    let header = Header {
        width: info.width as usize,
        height: info.height as usize,
        channels: match info.color_type {
            ColorType::Grayscale | ColorType::GrayscaleAlpha => Channels::Grey,
            _ => Channels::Rgb,
        },
        orientation: exif.map_or(Orientation::default(), Orientation::of_exif),
    };
    Ok((reader, header))
}

fn without_alpha(data: &[u8]) -> Vec<u8> {
    let (pixels, _) = data.as_chunks::<4>();
    pixels
        .iter()
        .flat_map(|&[red, green, blue, _]| [red, green, blue])
        .collect()
}

fn malformed(path: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::file(path, "a whole PNG", error)
}
