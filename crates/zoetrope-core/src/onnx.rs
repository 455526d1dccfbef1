//! A model as an ONNX file, which answers the same without Zoetrope: opset 17, batch and time free.
//!
//! `docs/onnx.md` has the file's inputs and outputs. Padded steps stay in the tensors; whatever mixes steps takes them
//! as zeros, put there by `Where`: a product with a mask would let NaN of the padding through.

mod encoder;
mod export;
mod forecast;
mod frame_decoder;
mod graph;
mod head;
mod inputs;
mod linear;
mod messages;
mod missing;
mod norm;
mod options;
mod pooling;
mod recurrent;
mod sequence;
mod weights;

pub use self::export::{OnnxExport, OnnxFile, decoder_path};
pub use self::options::{InputType, OnnxOptions};
