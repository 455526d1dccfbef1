//! Recordings: FLAC, MP3, and Vorbis in Ogg.

use std::path::Path;

use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error as SoundError;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::MetadataOptions;

use crate::error::{Error, Result, reserve};
use crate::file;

/// The most samples of a recording, of all channels: 16 GiB.
const MOST_SAMPLES: u64 = 1 << 32;
const MOST_CHANNELS: usize = 1 << 8;

/// A recording of `[channels, frames]`, −1…1.
#[derive(Debug, Clone, PartialEq)]
pub struct Sound {
    /// One channel after the other.
    pub data: Vec<f32>,
    /// How many channels.
    pub channels: usize,
    /// Frames in a second.
    pub sample_rate: u32,
}

/// How long a recording is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SoundLength {
    /// Samples of each channel.
    pub frames: u64,
    /// How many channels.
    pub channels: usize,
    /// Frames in a second.
    pub sample_rate: u32,
}

/// Reads a recording whole.
///
/// # Errors
/// `File` for what is no such recording, is cut off or damaged; `OutOfMemory`.
pub fn read_sound(path: &Path) -> Result<Sound> {
    let mut opened = Opened::open(path)?;
    let SoundLength {
        channels, sample_rate, ..
    } = opened.length;
    let mut planes: Vec<Vec<f32>> = vec![Vec::new(); channels]; //             [channels][frames]
    let mut block: Vec<f32> = Vec::new();
    while let Some(samples) = opened.next(path, &mut block)? {
        for (channel, plane) in planes.iter_mut().enumerate() {
            reserve_more(path, plane, samples)?;
            plane.extend(block.iter().skip(channel).step_by(channels));
        }
    }
    let frames = planes.first().map_or(0, Vec::len);
    let mut data = Vec::new();
    reserve(path, &mut data, frames * channels)?;
    for plane in planes {
        data.extend_from_slice(&plane);
    }
    Ok(Sound {
        data,
        channels,
        sample_rate,
    })
}

/// The length of a recording: from its header, or by decoding it where that does not say.
///
/// # Errors
/// As [`read_sound`].
pub fn sound_length(path: &Path) -> Result<SoundLength> {
    let mut opened = Opened::open(path)?;
    if opened.known.is_none() {
        let mut block = Vec::new();
        let mut frames = 0;
        while let Some(samples) = opened.next(path, &mut block)? {
            frames += samples as u64;
        }
        opened.length.frames = frames;
    }
    Ok(opened.length)
}

/// A recording that is being decoded.
struct Opened {
    format: Box<dyn FormatReader>,
    decoder: Box<dyn AudioDecoder>,
    track: u32,
    length: SoundLength,
    /// Frames that the header says there are.
    known: Option<u64>,
    decoded: u64,
}

impl Opened {
    fn open(path: &Path) -> Result<Self> {
        let (file, _) = file::open(path)?;
        let stream = MediaSourceStream::new(Box::new(file), MediaSourceStreamOptions::default());
        let mut hint = Hint::new();
        if let Some(extension) = path.extension().and_then(|extension| extension.to_str()) {
            hint.with_extension(extension);
        }
        let none = |error: &SoundError| Error::file(path, "FLAC, MP3, or Vorbis in Ogg", error);
        let probe = symphonia::default::get_probe();
        let format = probe.probe(&hint, stream, FormatOptions::default(), MetadataOptions::default());
        let format = format.map_err(|error| none(&error))?;
        let track = format.default_track(TrackType::Audio);
        let track = track.ok_or_else(|| Error::file(path, "a track of sound", "none"))?;
        let (id, known) = (track.id, track.num_frames);
        let parameters = track.codec_params.as_ref().and_then(|parameters| parameters.audio());
        let parameters = parameters.ok_or_else(|| Error::file(path, "a track of sound", "an unknown one"))?;
        let options = AudioDecoderOptions::default().gapless(true).verify(true);
        let decoder = symphonia::default::get_codecs().make_audio_decoder(parameters, &options);
        let decoder = decoder.map_err(|error| none(&error))?;
        let channels = parameters
            .channels
            .as_ref()
            .map_or(0, symphonia::core::audio::Channels::count);
        let sample_rate = parameters.sample_rate.unwrap_or(0);
        if channels == 0 || channels > MOST_CHANNELS || sample_rate == 0 {
            let expected = format!("1 to {MOST_CHANNELS} channels and a sample rate");
            return Err(Error::file(path, expected, format!("{channels} and {sample_rate}")));
        }
        Ok(Self {
            format,
            decoder,
            track: id,
            length: SoundLength {
                frames: known.unwrap_or(0),
                channels,
                sample_rate,
            },
            known,
            decoded: 0,
        })
    }

    /// Decodes the next block into samples of `[frames, channels]`, and says how many frames it has; `None` at the end.
    fn next(&mut self, path: &Path, block: &mut Vec<f32>) -> Result<Option<usize>> {
        let damaged = |error: SoundError| Error::file(path, "a whole recording", error);
        let packet = loop {
            match self.format.next_packet().map_err(damaged)? {
                None => return self.end(path),
                Some(packet) if packet.track_id == self.track => break packet,
                Some(_) => {} //                                     a picture, or another track
            }
        };
        let samples = self.decoder.decode(&packet).map_err(damaged)?;
        let SoundLength {
            channels, sample_rate, ..
        } = self.length;
        let spec = samples.spec();
        if spec.channels().count() != channels || spec.rate() != sample_rate {
            let actual = format!("{} at {} Hz", spec.channels().count(), spec.rate());
            return Err(Error::file(
                path,
                format!("{channels} channels at {sample_rate} Hz throughout"),
                actual,
            ));
        }
        let frames = samples.frames();
        samples.copy_to_vec_interleaved(block);
        self.decoded += frames as u64;
        if self.decoded.saturating_mul(channels as u64) > MOST_SAMPLES {
            return Err(Error::file(path, format!("at most {MOST_SAMPLES} samples"), "more"));
        }
        Ok(Some(frames))
    }

    /// A recording that says how long it is, or has a checksum, must be true to it.
    fn end(&mut self, path: &Path) -> Result<Option<usize>> {
        if self.decoder.finalize().verify_ok == Some(false) {
            return Err(Error::file(
                path,
                "samples with the checksum of the header",
                "others: the file is damaged",
            ));
        }
        match self.known {
            Some(known) if known > self.decoded => {
                let actual = format!("{}: the file is cut off", self.decoded);
                Err(Error::file(
                    path,
                    format!("{known} samples, as its header says,"),
                    actual,
                ))
            }
            _ => Ok(None),
        }
    }
}

/// Room for more samples, half as many again as there are, so that few copies are made.
fn reserve_more(path: &Path, plane: &mut Vec<f32>, more: usize) -> Result<()> {
    if plane.capacity() - plane.len() >= more {
        return Ok(());
    }
    let room = more.max(plane.len() / 2);
    reserve(path, plane, room)
}
