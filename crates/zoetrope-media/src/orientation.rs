//! How a camera was held: EXIF's orientation.

use crate::image::Image;

/// The tag of the orientation, and the type of its value: a number of 16 bits.
const ORIENTATION: u16 = 0x0112;
const SHORT: u16 = 3;
/// Bytes of one entry of a directory.
const ENTRY: usize = 12;

/// Where the first row and the first column of the file's pixels belong: EXIF's numbers 1 to 8, as these three steps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Orientation {
    /// Rows become columns, before the other two.
    is_transposed: bool,
    /// Left becomes right.
    is_mirrored: bool,
    /// Top becomes bottom.
    is_flipped: bool,
}

impl Orientation {
    /// Of EXIF data, with or without `Exif\0\0` in front. What says nothing, or nonsense, is upright.
    pub fn of_exif(exif: &[u8]) -> Self {
        let tiff = exif.strip_prefix(b"Exif\0\0").unwrap_or(exif);
        read_tag(tiff).map_or(Self::default(), Self::of_number)
    }

    fn of_number(number: u16) -> Self {
        let [is_transposed, is_mirrored, is_flipped] = match number {
            2 => [false, true, false],
            3 => [false, true, true],
            4 => [false, false, true],
            5 => [true, false, false],
            6 => [true, true, false],
            7 => [true, true, true],
            8 => [true, false, true],
            _ => [false; 3],
        };
        Self {
            is_transposed,
            is_mirrored,
            is_flipped,
        }
    }

    /// Width and height of an image that is turned upright.
    pub fn size(self, width: usize, height: usize) -> (usize, usize) {
        if self.is_transposed {
            (height, width)
        } else {
            (width, height)
        }
    }

    /// Turns an image upright.
    pub fn apply(self, image: Image) -> Image {
        if self == Self::default() {
            return image;
        }
        let size = image.channels.count();
        let (width, height) = self.size(image.width, image.height);
        let mut data = Vec::with_capacity(image.data.len());
        for row in 0..height {
            let y = if self.is_flipped { height - 1 - row } else { row };
            for column in 0..width {
                let x = if self.is_mirrored { width - 1 - column } else { column };
                let at = if self.is_transposed {
                    x * image.width + y
                } else {
                    y * image.width + x
                };
                data.extend_from_slice(&image.data[at * size..(at + 1) * size]);
            }
        }
        Image {
            width,
            height,
            data,
            ..image
        }
    }
}

/// The orientation in the first directory of TIFF data.
fn read_tag(tiff: &[u8]) -> Option<u16> {
    let is_little = match tiff.get(..4)? {
        [b'I', b'I', 42, 0] => true,
        [b'M', b'M', 0, 42] => false,
        _ => return None,
    };
    let short = |at: usize| {
        let bytes = *tiff.get(at..)?.first_chunk()?;
        Some(if is_little {
            u16::from_le_bytes(bytes)
        } else {
            u16::from_be_bytes(bytes)
        })
    };
    let long = |at: usize| {
        let bytes = *tiff.get(at..)?.first_chunk()?;
        Some(if is_little {
            u32::from_le_bytes(bytes)
        } else {
            u32::from_be_bytes(bytes)
        })
    };
    let directory = long(4)? as usize;
    let count = usize::from(short(directory)?);
    (0..count).find_map(|entry| {
        let at = directory + 2 + entry * ENTRY;
        if short(at)? == ORIENTATION && short(at + 2)? == SHORT {
            short(at + 8)
        } else {
            None
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Channels;

    /// A directory of one entry, in either byte order.
    fn exif(number: u8, is_little: bool) -> Vec<u8> {
        let little = [
            b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".as_slice(),
            &[number, 0, 0, 0],
        ]
        .concat();
        let big = [
            b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01".as_slice(),
            &[0, number, 0, 0],
        ]
        .concat();
        if is_little { little } else { big }
    }

    /// Each number puts the corner of the scene where the EXIF standard says. The upright image is 1 2 3 over 4 5 6.
    #[test]
    fn every_orientation_is_turned_upright() {
        let stored: [(u8, usize, &[u8]); 8] = [
            (1, 3, &[1, 2, 3, 4, 5, 6]),
            (2, 3, &[3, 2, 1, 6, 5, 4]),
            (3, 3, &[6, 5, 4, 3, 2, 1]),
            (4, 3, &[4, 5, 6, 1, 2, 3]),
            (5, 2, &[1, 4, 2, 5, 3, 6]),
            (6, 2, &[3, 6, 2, 5, 1, 4]),
            (7, 2, &[6, 3, 5, 2, 4, 1]),
            (8, 2, &[4, 1, 5, 2, 6, 3]),
        ];
        for (number, width, data) in stored {
            for is_little in [true, false] {
                let image = Image {
                    width,
                    height: 6 / width,
                    channels: Channels::Grey,
                    data: data.to_vec(),
                };
                let upright = Orientation::of_exif(&exif(number, is_little)).apply(image);
                assert_eq!((upright.width, upright.height), (3, 2), "{number}");
                assert_eq!(upright.data, [1, 2, 3, 4, 5, 6], "{number}");
            }
        }
    }

    #[test]
    fn what_says_nothing_is_upright() {
        let whole = exif(6, true);
        for len in 0..whole.len() - 3 {
            assert_eq!(Orientation::of_exif(&whole[..len]), Orientation::default());
        }
        assert_eq!(Orientation::of_exif(&exif(9, false)), Orientation::default());
    }
}
