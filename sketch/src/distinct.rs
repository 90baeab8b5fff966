//! Counts distinct things (visitors of an hour) without keeping them: a sketch that can be merged, so that
//! hours make a day and servers make a site, and nobody is counted twice.
//!
//! HyperLogLog (Flajolet and others, 2007) with 4,096 registers, and the estimator of Ertl (2017, "New
//! cardinality estimation algorithms for HyperLogLog sketches", algorithm 6), which needs no tables of
//! corrections and no switch between ranges. Standard error 1.04 / √4096 = 1.6 %. In memory 4 KiB, while
//! few registers are set 4 bytes for each; written at most 3,074 bytes.
//!
//! Our own rather than a crate's: what a country's servers write and a collector keeps for years must not
//! change with a dependency.
//!
//! Privacy: of a visitor's 64 bits the sketch holds which register (twelve bits) and how many zeros follow,
//! and of all who fall on a register only the highest. Of the addresses of IPv4 with one and the same
//! browser a million fall on each register, and one in 2^r of them leaves rank r: a sketch can tell that
//! somebody did not come, hardly ever that somebody came, and it holds no address to begin with.
//!
//! Written form, version 1:
//!
//! | bytes | |
//! | --- | --- |
//! | 1 | version, 1 |
//! | 1 | 0: sparse, 1: dense |
//! | sparse: 3 a register, at most 1,000 | register (12 bits), rank (12 bits), little-endian, in ascending order |
//! | dense: 3,072 | ranks of all registers, 6 bits each, the first in the lowest bits |
//!
//! One set of registers has one written form: sparse if at most 1,000 are set, else dense. Anything else
//! is refused.

mod estimate;

/// Bits of a hash that choose the register.
const REGISTER_BITS: u32 = 12;
/// Registers.
const REGISTERS: usize = 1 << REGISTER_BITS;
/// Bits of a hash that make the rank, and thereby one less than the highest rank.
const RANK_BITS: u32 = 64 - REGISTER_BITS;
/// The highest rank: no bit is set.
const RANK_MAX: u8 = RANK_BITS as u8 + 1;
/// So many set registers are kept and written one by one.
const SPARSE_MAX: usize = 1_000;

/// Version of the written form.
const VERSION: u8 = 1;
const SPARSE: u8 = 0;
const DENSE: u8 = 1;
/// A register that is written by itself.
const SPARSE_BYTES: usize = 3;
/// Four ranks of 6 bits.
const PACKED_BYTES: usize = 3;
/// Ranks in [`PACKED_BYTES`].
const PACKED: usize = 4;
/// Length of all ranks.
const DENSE_BYTES: usize = REGISTERS / PACKED * PACKED_BYTES;

/// The longest written sketch.
pub const ENCODED_BYTES_MAX: usize = 2 + DENSE_BYTES;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Distinct {
    registers: Registers,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Registers {
    /// Register and rank of those that are set, in ascending order.
    Sparse(Vec<(u16, u8)>),
    /// The rank of each; more than [`SPARSE_MAX`] are set.
    Dense(Box<[u8]>),
}

impl Default for Distinct {
    fn default() -> Distinct {
        Distinct { registers: Registers::Sparse(Vec::new()) }
    }
}

impl Distinct {
    /// Adds a thing by its hash, all bits of which are used.
    pub fn add(&mut self, hash: u64) {
        let register = (hash >> RANK_BITS) as u16;
        // The bit behind the last ends the row of zeros.
        let rest = hash << REGISTER_BITS | 1 << (REGISTER_BITS - 1);
        self.raise(register, rest.leading_zeros() as u8 + 1);
    }

    /// Adds all that another sketch has counted.
    pub fn merge(&mut self, other: &Distinct) {
        match &other.registers {
            Registers::Sparse(set) => {
                set.iter().for_each(|(register, rank)| self.raise(*register, *rank))
            }
            Registers::Dense(ranks) => {
                let mut of_self = self.ranks();
                for (own, other) in of_self.iter_mut().zip(ranks) {
                    *own = (*own).max(*other);
                }
                self.registers = Registers::Dense(of_self);
            }
        }
    }

    /// How many distinct things were added, about.
    pub fn count(&self) -> u64 {
        let mut of_rank = [0_u32; RANK_MAX as usize + 1];
        let mut add = |rank: u8, count: u32| {
            if let Some(of_rank) = of_rank.get_mut(usize::from(rank)) {
                *of_rank += count;
            }
        };
        match &self.registers {
            Registers::Sparse(set) => {
                add(0, (REGISTERS - set.len()) as u32);
                set.iter().for_each(|(_, rank)| add(*rank, 1));
            }
            Registers::Dense(ranks) => ranks.iter().for_each(|rank| add(*rank, 1)),
        }
        estimate::cardinality(&of_rank).round() as u64
    }

    /// The written form.
    pub fn encode(&self) -> Vec<u8> {
        match &self.registers {
            Registers::Sparse(set) => {
                let packed = |(register, rank): &(u16, u8)| {
                    let [a, b, c, _] =
                        (u32::from(*register) | u32::from(*rank) << 12).to_le_bytes();
                    [a, b, c]
                };
                [VERSION, SPARSE].into_iter().chain(set.iter().flat_map(packed)).collect()
            }
            Registers::Dense(ranks) => {
                let packed = |four: &[u8]| {
                    let add = |bits: u32, rank: &u8| bits << 6 | u32::from(*rank);
                    let [a, b, c, _] = four.iter().rev().fold(0, add).to_le_bytes();
                    [a, b, c]
                };
                [VERSION, DENSE]
                    .into_iter()
                    .chain(ranks.chunks_exact(PACKED).flat_map(packed))
                    .collect()
            }
        }
    }

    /// Reads the written form. `None` where it is not one, or of a newer version.
    pub fn decode(bytes: &[u8]) -> Option<Distinct> {
        let registers = match bytes {
            [VERSION, SPARSE, rest @ ..] => sparse(rest)?,
            [VERSION, DENSE, rest @ ..] => dense(rest)?,
            _ => return None,
        };
        Some(Distinct { registers })
    }

    fn raise(&mut self, register: u16, rank: u8) {
        match &mut self.registers {
            Registers::Dense(ranks) => {
                if let Some(known) = ranks.get_mut(usize::from(register)) {
                    *known = (*known).max(rank);
                }
            }
            Registers::Sparse(set) => {
                match set.binary_search_by_key(&register, |(known, _)| *known) {
                    Ok(at) => {
                        if let Some((_, known)) = set.get_mut(at) {
                            *known = (*known).max(rank);
                        }
                    }
                    Err(at) => {
                        set.insert(at, (register, rank));
                        if set.len() > SPARSE_MAX {
                            self.registers = Registers::Dense(self.ranks());
                        }
                    }
                }
            }
        }
    }

    /// The rank of each register.
    fn ranks(&self) -> Box<[u8]> {
        match &self.registers {
            Registers::Dense(ranks) => ranks.clone(),
            Registers::Sparse(set) => {
                let mut ranks = vec![0; REGISTERS];
                for (register, rank) in set {
                    if let Some(known) = ranks.get_mut(usize::from(*register)) {
                        *known = *rank;
                    }
                }
                ranks.into()
            }
        }
    }
}

fn sparse(bytes: &[u8]) -> Option<Registers> {
    let (parts, rest) = bytes.as_chunks::<SPARSE_BYTES>();
    let set = parts.iter().map(|[a, b, c]| {
        let bits = u32::from_le_bytes([*a, *b, *c, 0]);
        let rank = u8::try_from(bits >> 12).ok().filter(|rank| (1..=RANK_MAX).contains(rank))?;
        Some(((bits & 0xfff) as u16, rank))
    });
    let is_right = rest.is_empty() && parts.len() <= SPARSE_MAX;
    let set: Vec<_> = if is_right { set.collect::<Option<_>>()? } else { return None };
    set.is_sorted_by(|(a, _), (b, _)| a < b).then_some(Registers::Sparse(set))
}

fn dense(bytes: &[u8]) -> Option<Registers> {
    if bytes.len() != DENSE_BYTES {
        return None;
    }
    let (parts, _) = bytes.as_chunks::<PACKED_BYTES>();
    let ranks: Box<[u8]> = parts
        .iter()
        .flat_map(|[a, b, c]| {
            let bits = u32::from_le_bytes([*a, *b, *c, 0]);
            [0, 6, 12, 18].map(|shift| (bits >> shift & 0x3f) as u8)
        })
        .collect();
    let set = ranks.iter().filter(|rank| **rank > 0).count();
    let is_right = set > SPARSE_MAX && ranks.iter().all(|rank| *rank <= RANK_MAX);
    is_right.then_some(Registers::Dense(ranks))
}

#[cfg(test)]
mod tests;
