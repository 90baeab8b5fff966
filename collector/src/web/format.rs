//! Numbers, sizes and times in the reader's language and the site's zone. Integers only.

use jiff::Timestamp;

use crate::{config::Site, labels::Language};

/// 1,024 to the third.
const GIB: u64 = 1 << 30;
/// 1,024 squared.
const MIB: u64 = 1 << 20;

/// Writes figures in one language.
#[derive(Clone, Copy, Debug)]
pub struct Format(pub Language);

impl Format {
    /// `1.234` or `1,234`.
    pub fn integer(self, n: i64) -> String {
        let digits = n.unsigned_abs().to_string();
        let separator = if self.0 == Language::Indonesian { '.' } else { ',' };
        let mut text = String::from(if n < 0 { "-" } else { "" });
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                text.push(separator);
            }
            text.push(digit);
        }
        text
    }

    /// `n / 10^places`, e.g. (1234, 1) as `123,4`.
    fn scaled(self, n: u64, places: u32) -> String {
        let unit = 10_u64.pow(places);
        let whole = self.integer(i64::try_from(n / unit).unwrap_or(i64::MAX));
        let point = if self.0 == Language::Indonesian { ',' } else { '.' };
        format!("{whole}{point}{:0width$}", n % unit, width = places as usize)
    }

    /// Permille as percent with one decimal.
    pub fn permille(self, n: u64) -> String {
        format!("{} %", self.scaled(n, 1))
    }

    /// Hundredths of a percent as percent with two decimals.
    pub fn basis_points(self, n: u32) -> String {
        format!("{} %", self.scaled(u64::from(n), 2))
    }

    /// Hundredths with two decimals (load).
    pub fn hundredths(self, n: u32) -> String {
        self.scaled(u64::from(n), 2)
    }

    /// Bytes in the largest binary unit below them, one decimal.
    pub fn bytes(self, n: u64) -> String {
        let tenths = |unit: u64| u64::try_from(u128::from(n) * 10 / u128::from(unit)).unwrap_or(0);
        match n {
            n if n >= GIB * 1_024 => format!("{} TiB", self.scaled(tenths(GIB * 1_024), 1)),
            n if n >= GIB => format!("{} GiB", self.scaled(tenths(GIB), 1)),
            n if n >= MIB => format!("{} MiB", self.scaled(tenths(MIB), 1)),
            n if n >= 1_024 => format!("{} KiB", self.scaled(tenths(1_024), 1)),
            n => format!("{n} B"),
        }
    }

    /// A rate of bytes, as networks are spoken of: bits, decimal units.
    pub fn rate(self, bytes_per_s: u64) -> String {
        let bits = bytes_per_s.saturating_mul(8);
        match bits {
            bits if bits >= 1_000_000_000 => {
                format!("{} Gbit/s", self.scaled(bits / 100_000_000, 1))
            }
            bits if bits >= 1_000_000 => format!("{} Mbit/s", self.scaled(bits / 100_000, 1)),
            bits => format!("{} kbit/s", self.scaled(bits / 100, 1)),
        }
    }

    /// Microseconds as milliseconds or seconds.
    pub fn microseconds(self, us: i64) -> String {
        let us = u64::try_from(us).unwrap_or(0);
        match us {
            us if us >= 10_000_000 => format!("{} s", self.scaled(us / 100_000, 1)),
            us => format!("{} ms", self.scaled(us / 10, 2)),
        }
    }

    /// A span in its two largest units.
    pub fn span(self, ms: i64) -> String {
        let l = self.0.labels();
        let s = ms.max(0) / 1_000;
        match s {
            s if s < 60 => format!("{s} {}", l.unit_second),
            s if s < 3_600 => format!("{} {}", s / 60, l.unit_minute),
            s if s < 86_400 => {
                format!("{} {} {} {}", s / 3_600, l.unit_hour, s % 3_600 / 60, l.unit_minute)
            }
            s => format!("{} {} {} {}", s / 86_400, l.unit_day, s % 86_400 / 3_600, l.unit_hour),
        }
    }

    /// `21 Nov 2026 14:03:05 WIB` in the site's zone.
    pub fn time(self, ms: i64, site: &Site) -> String {
        let Ok(instant) = Timestamp::from_millisecond(ms) else { return String::from("–") };
        let local = instant.to_zoned(site.zone.clone());
        let month = usize::from(local.month().unsigned_abs()).saturating_sub(1);
        let month = self.0.labels().months.get(month).copied().unwrap_or_default();
        let zone = site.zone_abbreviation(ms);
        format!("{} {month} {} {zone}", local.day(), local.strftime("%Y %H:%M:%S"))
    }

    /// `21 Nov 2026` in the site's zone.
    pub fn day(self, ms: i64, site: &Site) -> String {
        let Ok(instant) = Timestamp::from_millisecond(ms) else { return String::from("–") };
        let local = instant.to_zoned(site.zone.clone());
        let month = usize::from(local.month().unsigned_abs()).saturating_sub(1);
        let month = self.0.labels().months.get(month).copied().unwrap_or_default();
        format!("{} {month} {}", local.day(), local.year())
    }

    /// The time of day alone.
    pub fn clock(self, ms: i64, site: &Site) -> String {
        let Ok(instant) = Timestamp::from_millisecond(ms) else { return String::from("–") };
        let local = instant.to_zoned(site.zone.clone());
        format!("{} {}", local.strftime("%H:%M:%S"), site.zone_abbreviation(ms))
    }

    /// `November 2026`: the month that `ms` lies in.
    pub fn month(self, ms: i64, site: &Site) -> String {
        let Ok(instant) = Timestamp::from_millisecond(ms) else { return String::from("–") };
        let local = instant.to_zoned(site.zone.clone());
        let month = usize::from(local.month().unsigned_abs()).saturating_sub(1);
        let name = self.0.labels().months_long.get(month).copied().unwrap_or_default();
        format!("{name} {}", local.year())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;

    const ID: Format = Format(Language::Indonesian);
    const EN: Format = Format(Language::English);

    #[test]
    fn numbers_take_the_separators_of_the_language() {
        assert_eq!(ID.integer(1_234_567), "1.234.567");
        assert_eq!(EN.integer(-1_234), "-1,234");
        assert_eq!(ID.integer(999), "999");
        assert_eq!(ID.permille(985), "98,5 %");
        assert_eq!(EN.basis_points(10_000), "100.00 %");
        assert_eq!(ID.hundredths(7), "0,07");
    }

    #[test]
    fn sizes_rates_and_durations_choose_their_unit() {
        assert_eq!(ID.bytes(512), "512 B");
        assert_eq!(EN.bytes(1_536), "1.5 KiB");
        assert_eq!(ID.bytes(1_610_612_736), "1,5 GiB");
        assert_eq!(ID.bytes(u64::MAX), "16.777.215,9 TiB");
        assert_eq!(ID.rate(125_000), "1,0 Mbit/s");
        assert_eq!(EN.rate(10), "0.0 kbit/s");
        assert_eq!(ID.microseconds(1_234), "1,23 ms");
        assert_eq!(ID.microseconds(12_340_000), "12,3 s");
        assert_eq!(ID.span(59_999), "59 dtk");
        assert_eq!(ID.span(3_725_000), "1 j 2 mnt");
        assert_eq!(EN.span(90_000_000), "1 d 1 h");
        assert_eq!(EN.span(-5), "0 s");
    }

    #[test]
    fn times_stand_in_the_sites_zone() {
        let text =
            "store = \"sqlite:x\"\n[[site]]\nid = \"a\"\nname = \"A\"\nzone = \"Asia/Jayapura\"";
        let site = &Settings::parse(text).unwrap().sites[0];
        let ms = "2026-05-21T15:03:05Z".parse::<Timestamp>().unwrap().as_millisecond();
        assert_eq!(ID.time(ms, site), "22 Mei 2026 00:03:05 WIT");
        assert_eq!(EN.time(ms, site), "22 May 2026 00:03:05 WIT");
        assert_eq!(ID.month(ms, site), "Mei 2026");
        assert_eq!(ID.clock(ms, site), "00:03:05 WIT");
    }
}
