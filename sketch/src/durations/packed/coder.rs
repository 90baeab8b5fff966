//! The binary range coder.

/// Bits of a probability as it is used.
const PROBABILITY_BITS: u32 = 15;
/// A bit is never taken for more certain than this of `1 << PROBABILITY_BITS`.
const PROBABILITY_MIN: u32 = 64;
/// Below this the range is widened by a byte.
const RANGE_MIN: u32 = 1 << 24;
/// Bytes that the decoder reads ahead.
const AHEAD: usize = 4;

/// Probability of "no", learned at two speeds: quick at the beginning, exact later.
#[derive(Clone, Copy)]
pub(super) struct Bit {
    quick: u16,
    exact: u16,
}

impl Default for Bit {
    fn default() -> Bit {
        Bit { quick: 1 << 15, exact: 1 << 15 }
    }
}

impl Bit {
    fn no(self) -> u32 {
        let mean = (u32::from(self.quick) + u32::from(self.exact)) >> 2;
        mean.clamp(PROBABILITY_MIN, (1 << PROBABILITY_BITS) - PROBABILITY_MIN)
    }

    fn learn(&mut self, bit: bool) {
        if bit {
            self.quick -= self.quick >> 4;
            self.exact -= self.exact >> 6;
        } else {
            self.quick += (u16::MAX - self.quick) >> 4;
            self.exact += (u16::MAX - self.exact) >> 6;
        }
    }
}

/// Codes bits one way or the other: an encoder gives back the bit it was given, a decoder the one it read.
pub(super) trait Coder {
    fn bit(&mut self, learned: &mut Bit, given: bool) -> bool;
    /// A bit of which nothing can be learned.
    fn raw(&mut self, given: bool) -> bool;
}

pub(super) struct Encoder {
    low: u64,
    range: u32,
    /// The last byte that a carry may still change, and how many 0xff stand behind it.
    cache: Option<u8>,
    pending: usize,
    out: Vec<u8>,
}

impl Default for Encoder {
    fn default() -> Encoder {
        Encoder { low: 0, range: u32::MAX, cache: None, pending: 0, out: Vec::new() }
    }
}

impl Encoder {
    fn shift(&mut self) {
        let carry = (self.low >> 32) as u8;
        if self.low < 0xff00_0000 || carry == 1 {
            if let Some(cache) = self.cache {
                self.out.push(cache.wrapping_add(carry));
            }
            let pending = std::mem::take(&mut self.pending);
            self.out.extend(std::iter::repeat_n(0xff_u8.wrapping_add(carry), pending));
            self.cache = Some((self.low >> 24) as u8);
        } else {
            self.pending += 1;
        }
        self.low = (self.low & 0x00ff_ffff) << 8;
    }

    fn widen(&mut self) {
        while self.range < RANGE_MIN {
            self.range <<= 8;
            self.shift();
        }
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        (0..=AHEAD).for_each(|_| self.shift());
        self.out
    }
}

impl Coder for Encoder {
    fn bit(&mut self, learned: &mut Bit, given: bool) -> bool {
        let bound = (self.range >> PROBABILITY_BITS) * learned.no();
        if given {
            self.low += u64::from(bound);
            self.range -= bound;
        } else {
            self.range = bound;
        }
        learned.learn(given);
        self.widen();
        given
    }

    fn raw(&mut self, given: bool) -> bool {
        self.range >>= 1;
        if given {
            self.low += u64::from(self.range);
        }
        self.widen();
        given
    }
}

pub(super) struct Decoder<'a> {
    bytes: &'a [u8],
    read: usize,
    range: u32,
    code: u32,
}

impl<'a> Decoder<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Decoder<'a> {
        let mut decoder = Decoder { bytes, read: 0, range: u32::MAX, code: 0 };
        (0..AHEAD).for_each(|_| decoder.shift());
        decoder
    }

    /// Beyond the end of a damaged piece there are zeros.
    fn shift(&mut self) {
        let byte = self.bytes.get(self.read).copied().unwrap_or(0);
        self.code = self.code << 8 | u32::from(byte);
        self.read += 1;
    }

    fn widen(&mut self) {
        while self.range < RANGE_MIN {
            self.range <<= 8;
            self.shift();
        }
    }

    /// Whether all bytes were read and none were missing.
    pub(super) fn is_whole(&self) -> bool {
        self.read == self.bytes.len()
    }
}

impl Coder for Decoder<'_> {
    fn bit(&mut self, learned: &mut Bit, _: bool) -> bool {
        let bound = (self.range >> PROBABILITY_BITS) * learned.no();
        let bit = self.code >= bound;
        if bit {
            self.code -= bound;
            self.range -= bound;
        } else {
            self.range = bound;
        }
        learned.learn(bit);
        self.widen();
        bit
    }

    fn raw(&mut self, _: bool) -> bool {
        self.range >>= 1;
        let bit = self.code >= self.range;
        if bit {
            self.code -= self.range;
        }
        self.widen();
        bit
    }
}
