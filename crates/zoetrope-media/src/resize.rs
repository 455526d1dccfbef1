//! Frames of any size into frames of one size, as Pillow resizes them.

use std::path::Path;

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::{U8, U8x3};
use fast_image_resize::{FilterType, PixelTrait, ResizeAlg, ResizeOptions, Resizer};

use crate::error::{Error, Result};
use crate::image::{Channels, Image};

/// Height and width in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

/// How a frame of another shape becomes one of the size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The whole frame, with black edges: Pillow's `ImageOps.pad`.
    Fit,
    /// The middle of the frame: Pillow's `ImageOps.fit`.
    Fill,
    /// The whole frame, distorted: Pillow's `Image.resize`.
    Stretch,
}

/// The filter that resizes. All but `Nearest` also smooth when they make smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    /// The nearest pixel.
    Nearest,
    /// The mean of the pixels that fall into one.
    Box,
    /// Linear.
    Bilinear,
    /// Cubic, a = −½.
    Bicubic,
    /// Lanczos's, 3 lobes.
    Lanczos,
}

/// Resizes, and keeps its working memory from frame to frame.
pub struct FrameResizer {
    resizer: Resizer,
    size: Size,
    mode: Mode,
    filter: Filter,
}

impl FrameResizer {
    pub fn new(size: Size, mode: Mode, filter: Filter) -> Self {
        Self {
            resizer: Resizer::new(),
            size,
            mode,
            filter,
        }
    }

    /// Pixels of `[height, width, channels]` of the size.
    pub fn resize(&mut self, path: &Path, image: Image) -> Result<Vec<u8>> {
        let Size { height, width } = self.size;
        if (image.height, image.width) == (height, width) {
            return Ok(image.data);
        }
        match self.mode {
            Mode::Stretch => self.resized(path, &image, self.size, None),
            Mode::Fill => self.resized(path, &image, self.size, Some(middle(&image, self.size))),
            Mode::Fit => {
                let inner = contained(&image, self.size);
                let data = self.resized(path, &image, inner, None)?;
                Ok(padded(&data, inner, self.size, image.channels.count()))
            }
        }
    }

    fn resized(&mut self, path: &Path, image: &Image, size: Size, crop: Option<[f64; 4]>) -> Result<Vec<u8>> {
        let algorithm = match self.filter {
            Filter::Nearest => ResizeAlg::Nearest,
            Filter::Box => ResizeAlg::Convolution(FilterType::Box),
            Filter::Bilinear => ResizeAlg::Convolution(FilterType::Bilinear),
            Filter::Bicubic => ResizeAlg::Convolution(FilterType::CatmullRom),
            Filter::Lanczos => ResizeAlg::Convolution(FilterType::Lanczos3),
        };
        let mut options = ResizeOptions::new().resize_alg(algorithm);
        if let Some([left, top, width, height]) = crop {
            options = options.crop(left, top, width, height);
        }
        let resized = match image.channels {
            Channels::Grey => self.typed::<U8>(image, size, &options),
            Channels::Rgb => self.typed::<U8x3>(image, size, &options),
        };
        resized.map_err(|reason| Error::file(path, "to resize the image", reason))
    }

    /// By the type of a pixel: only the code of these two is compiled in, and not that of every type the library knows.
    fn typed<P: PixelTrait>(
        &mut self,
        image: &Image,
        size: Size,
        options: &ResizeOptions,
    ) -> std::result::Result<Vec<u8>, String> {
        let (width, height) = (image.width as u32, image.height as u32);
        let source = TypedImageRef::<P>::from_buffer(width, height, &image.data).map_err(|error| error.to_string())?;
        let mut data = vec![0; size.height * size.width * image.channels.count()];
        let target = TypedImage::<P>::from_buffer(size.width as u32, size.height as u32, &mut data);
        let mut target = target.map_err(|error| error.to_string())?;
        let resized = self.resizer.resize_typed(&source, &mut target, options);
        resized.map_err(|error| error.to_string())?;
        Ok(data)
    }
}

/// Left, top, width and height of the largest middle part that has the shape of `size`.
fn middle(image: &Image, size: Size) -> [f64; 4] {
    let (width, height) = (image.width as f64, image.height as f64);
    let ratio = size.width as f64 / size.height as f64;
    let (w, h) = if width / height >= ratio {
        (ratio * height, height)
    } else {
        (width, width / ratio)
    };
    let (w, h) = (w.min(width), h.min(height));
    [(width - w) / 2.0, (height - h) / 2.0, w, h]
}

/// The largest size of the image's shape within `size`.
fn contained(image: &Image, size: Size) -> Size {
    let (width, height) = (image.width as f64, image.height as f64);
    let own = width / height;
    let wanted = size.width as f64 / size.height as f64;
    if own > wanted {
        let rows = (height / width * size.width as f64).round_ties_even();
        Size {
            height: (rows as usize).clamp(1, size.height),
            ..size
        }
    } else {
        let columns = (width / height * size.height as f64).round_ties_even();
        Size {
            width: (columns as usize).clamp(1, size.width),
            ..size
        }
    }
}

/// A frame in the middle of a black one.
fn padded(data: &[u8], inner: Size, outer: Size, channels: usize) -> Vec<u8> {
    let mut frame = vec![0; outer.height * outer.width * channels];
    let half = |space: usize| (space as f64 / 2.0).round_ties_even() as usize;
    let (top, left) = (half(outer.height - inner.height), half(outer.width - inner.width));
    for (row, pixels) in data.chunks_exact(inner.width * channels).enumerate() {
        let at = ((top + row) * outer.width + left) * channels;
        frame[at..at + pixels.len()].copy_from_slice(pixels);
    }
    frame
}
