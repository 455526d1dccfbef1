//! JPEG, baseline and progressive.

use std::path::Path;

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::error::{Error, Result, reserve};
use crate::image::{Channels, Header, Image, check_size};
use crate::orientation::Orientation;

/// A JPEG has at most so many pixels in a row or column.
const LARGEST_SIDE: usize = 65_535;

type Decoder<'a> = JpegDecoder<ZCursor<&'a [u8]>>;

pub fn header(path: &Path, bytes: &[u8]) -> Result<Header> {
    open(path, bytes).map(|(_, header)| header)
}

pub fn decode(path: &Path, bytes: &[u8]) -> Result<(Orientation, Image)> {
    let (mut decoder, header) = open(path, bytes)?;
    check_size(path, header)?;
    if !has_end(bytes) {
        return Err(Error::file(path, "a whole JPEG", "one without its end: it is cut off"));
    }
    let Header {
        width,
        height,
        channels,
        orientation,
    } = header;
    let len = width * height * channels.count();
    let mut data = Vec::new();
    reserve(path, &mut data, len)?;
    data.resize(len, 0);
    decoder
        .decode_into(&mut data)
        .map_err(|error| malformed(path, &error))?;
    let image = Image {
        width,
        height,
        channels,
        data,
    };
    Ok((orientation, image))
}

/// Strict: a file that is cut off or damaged is an error, and not half an image.
fn open<'a>(path: &Path, bytes: &'a [u8]) -> Result<(Decoder<'a>, Header)> {
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(LARGEST_SIDE)
        .set_max_height(LARGEST_SIDE);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(|error| malformed(path, &error))?;
    let (Some(info), Some(space)) = (decoder.info(), decoder.input_colorspace()) else {
        return Err(Error::file(path, "the header of a JPEG", "none"));
    };
    let channels = match space {
        ColorSpace::Luma | ColorSpace::LumaA => Channels::Grey,
        _ => Channels::Rgb,
    };
    let out = match channels {
        Channels::Grey => ColorSpace::Luma,
        Channels::Rgb => ColorSpace::RGB,
    };
    decoder.set_options(options.jpeg_set_out_colorspace(out));
    let orientation = decoder
        .exif()
        .map_or(Orientation::default(), |exif| Orientation::of_exif(exif));
    let header = Header {
        width: usize::from(info.width),
        height: usize::from(info.height),
        channels,
        orientation,
    };
    Ok((decoder, header))
}

/// Whether the marker of the end comes behind the first scan. In a scan 0xff is followed by 0, or is a marker; what comes
/// before it, such as a thumbnail, may have an end of its own.
fn has_end(bytes: &[u8]) -> bool {
    const START_OF_SCAN: u8 = 0xda;
    const END: [u8; 2] = [0xff, 0xd9];
    let mut at = 2; //                                  behind the first marker
    while let Some(&[0xff, marker, high, low]) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        if marker == 0xff {
            at += 1; //                                 a byte that fills
            continue;
        }
        if marker == START_OF_SCAN {
            return bytes[at..].windows(2).any(|pair| pair == END);
        }
        at += 2 + usize::from(u16::from_be_bytes([high, low]));
    }
    false
}

fn malformed(path: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::file(path, "a whole JPEG", error)
}
