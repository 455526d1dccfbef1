//! Protocol buffers, as far as writing them goes: <https://protobuf.dev/programming-guides/encoding/>.

use std::io::{self, Write};

/// How a field's value lies on the wire.
#[derive(Clone, Copy)]
enum Wire {
    Varint = 0,
    Length = 2,
    Fixed32 = 5,
}

/// A message that grows field by field. Long byte strings and messages within it are moved in, not copied: a model's
/// weights lie in memory once.
#[derive(Default)]
pub(crate) struct Message {
    /// One after the other they are the message.
    pieces: Vec<Vec<u8>>,
    length: u64,
}

impl Message {
    /// An integer of any of protocol buffers' 64-bit kinds but the zigzag ones; a negative one takes ten bytes.
    pub(crate) fn integer(&mut self, field: u32, value: i64) {
        self.key(field, Wire::Varint);
        self.varint(value as u64);
    }

    /// A float32.
    pub(crate) fn float(&mut self, field: u32, value: f32) {
        self.key(field, Wire::Fixed32);
        self.append(&value.to_le_bytes());
    }

    /// A string.
    pub(crate) fn text(&mut self, field: u32, text: &str) {
        self.key(field, Wire::Length);
        self.varint(text.len() as u64);
        self.append(text.as_bytes());
    }

    /// A byte string.
    pub(crate) fn bytes(&mut self, field: u32, bytes: Vec<u8>) {
        self.key(field, Wire::Length);
        self.varint(bytes.len() as u64);
        self.length += bytes.len() as u64;
        self.pieces.push(bytes);
    }

    /// A message within this one.
    pub(crate) fn message(&mut self, field: u32, inner: Self) {
        self.key(field, Wire::Length);
        self.varint(inner.length);
        self.length += inner.length;
        self.pieces.extend(inner.pieces);
    }

    /// How many bytes it has.
    pub(crate) fn len(&self) -> u64 {
        self.length
    }

    /// Writes it, without its length.
    pub(crate) fn write_to(&self, output: &mut impl Write) -> io::Result<()> {
        self.pieces.iter().try_for_each(|piece| output.write_all(piece))
    }

    fn key(&mut self, field: u32, wire: Wire) {
        self.varint(u64::from(field) << 3 | wire as u64);
    }

    /// Seven bits a byte, the lowest first; the eighth bit says that more follow.
    fn varint(&mut self, mut value: u64) {
        let mut bytes = Vec::with_capacity(10);
        while value >= 0x80 {
            bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        bytes.push(value as u8);
        self.append(&bytes);
    }

    /// Adds a few bytes to the last piece; a long one that was moved in stays as it is.
    fn append(&mut self, bytes: &[u8]) {
        const SHORT: usize = 4096;
        self.length += bytes.len() as u64;
        match self.pieces.last_mut() {
            Some(last) if last.len() < SHORT => last.extend_from_slice(bytes),
            _ => self.pieces.push(bytes.to_vec()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Message;

    fn written(message: &Message) -> Vec<u8> {
        let mut bytes = Vec::new();
        message.write_to(&mut bytes).ok();
        assert_eq!(message.len(), bytes.len() as u64);
        bytes
    }

    /// The examples of the encoding's own guide: 150 in field 1, "testing" in field 2, the first within field 3.
    #[test]
    fn the_guides_examples() {
        let mut first = Message::default();
        first.integer(1, 150);
        assert_eq!(written(&first), [0x08, 0x96, 0x01]);
        let mut second = Message::default();
        second.text(2, "testing");
        assert_eq!(written(&second), b"\x12\x07testing");
        let mut third = Message::default();
        third.message(3, first);
        assert_eq!(written(&third), [0x1a, 0x03, 0x08, 0x96, 0x01]);
    }

    #[test]
    fn numbers_of_every_size() {
        let mut message = Message::default();
        message.integer(1, -1);
        assert_eq!(
            written(&message),
            [0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1]
        );
        let mut message = Message::default();
        message.integer(16, 0);
        assert_eq!(written(&message), [0x80, 0x01, 0]);
    }

    #[test]
    fn long_bytes_between_short_fields() {
        let mut message = Message::default();
        message.integer(1, 1);
        message.bytes(2, vec![7; 5000]);
        message.integer(3, 2);
        let bytes = written(&message);
        assert_eq!(bytes[..5], [0x08, 1, 0x12, 0x88, 0x27]);
        assert_eq!(bytes[5005..], [0x18, 2]);
    }
}
