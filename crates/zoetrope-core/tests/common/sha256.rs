//! SHA-256 (FIPS 180-4), so that a fixture can hold a digest where it would hold megabytes of weights.

/// The first 32 bits of the fractional parts of the `root`-th roots of the first primes, computed rather than typed.
fn constants<const N: usize>(root: impl Fn(f64) -> f64) -> [u32; N] {
    let mut primes = (2u32..).filter(|n| (2..*n).take_while(|d| d * d <= *n).all(|d| n % d != 0));
    std::array::from_fn(|_| {
        let value = root(f64::from(primes.next().unwrap_or_default()));
        (value.fract() * 2f64.powi(32)) as u32
    })
}

/// The digest in hexadecimal digits.
#[allow(clippy::many_single_char_names)] // the standard's own
pub fn sha256(message: &[u8]) -> String {
    let keys: [u32; 64] = constants(f64::cbrt);
    let mut state: [u32; 8] = constants(f64::sqrt);
    let mut padded = message.to_vec();
    padded.push(0x80);
    padded.resize(padded.len() + (120 - padded.len() % 64) % 64, 0);
    padded.extend((message.len() as u64 * 8).to_be_bytes());
    for chunk in padded.chunks_exact(64) {
        let mut words = [0u32; 64];
        for (word, bytes) in words.iter_mut().zip(chunk.chunks_exact(4)) {
            *word = bytes.iter().fold(0, |word, byte| word << 8 | u32::from(*byte));
        }
        for i in 16..64 {
            let (early, late) = (words[i - 15], words[i - 2]);
            let small0 = early.rotate_right(7) ^ early.rotate_right(18) ^ early >> 3;
            let small1 = late.rotate_right(17) ^ late.rotate_right(19) ^ late >> 10;
            words[i] = words[i - 16]
                .wrapping_add(small0)
                .wrapping_add(words[i - 7])
                .wrapping_add(small1);
        }
        let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = state;
        for (word, key) in words.iter().zip(keys) {
            let big1 = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
            let choice = e & f ^ !e & g;
            let first = h
                .wrapping_add(big1)
                .wrapping_add(choice)
                .wrapping_add(key)
                .wrapping_add(*word);
            let big0 = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
            let majority = a & b ^ a & c ^ b & c;
            (h, g, f, e, d, c, b, a) = (
                g,
                f,
                e,
                d.wrapping_add(first),
                c,
                b,
                a,
                first.wrapping_add(big0).wrapping_add(majority),
            );
        }
        for (sum, value) in state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
            *sum = sum.wrapping_add(value);
        }
    }
    state
        .iter()
        .fold(String::new(), |digits, word| digits + &format!("{word:08x}"))
}
