//! Numbers, times and amounts as Indonesian readers write them: 1.234,5; Senin, 30 November 2026;
//! 23.58 WIB. All from integers, so that the same model gives the same text anywhere.

use jiff::{Timestamp, civil::Weekday, tz::TimeZone};

use crate::labels::Language;

/// Times in a site's own zone.
pub struct Clock {
    zone: TimeZone,
    abbreviation: String,
}

impl Clock {
    /// For a zone and the abbreviation that is printed behind times.
    pub fn new(zone: TimeZone, abbreviation: &str) -> Clock {
        Clock { zone, abbreviation: abbreviation.to_owned() }
    }

    /// "Senin, 30 November 2026".
    pub fn day(&self, ms: i64) -> String {
        self.zoned(ms).map_or_else(String::new, |z| {
            format!("{}, {}", weekday(z.weekday()), Clock::civil_date(&z))
        })
    }

    /// "30 November 2026".
    pub fn date(&self, ms: i64) -> String {
        self.zoned(ms).map_or_else(String::new, |z| Clock::civil_date(&z))
    }

    /// "23.58 WIB".
    pub fn time(&self, ms: i64) -> String {
        self.zoned(ms).map_or_else(String::new, |z| {
            format!("{:02}.{:02} {}", z.hour(), z.minute(), self.abbreviation)
        })
    }

    /// "30 November 2026 pukul 23.58 WIB".
    pub fn moment(&self, ms: i64) -> String {
        format!("{} pukul {}", self.date(ms), self.time(ms))
    }

    /// "30/11/2026 23.58", for tables that name the zone once.
    pub fn short(&self, ms: i64) -> String {
        self.zoned(ms).map_or_else(String::new, |z| {
            let (day, month, year) = (z.day(), z.month(), z.year());
            format!("{day:02}/{month:02}/{year} {:02}.{:02}", z.hour(), z.minute())
        })
    }

    /// "30/11", for axes.
    pub fn tick(&self, ms: i64) -> String {
        self.zoned(ms).map_or_else(String::new, |z| format!("{:02}/{:02}", z.day(), z.month()))
    }

    /// "November 2026".
    pub fn month(&self, ms: i64) -> String {
        self.zoned(ms).map_or_else(String::new, |z| format!("{} {}", month(z.month()), z.year()))
    }

    /// The year and the half of it, 1 or 2.
    pub fn half_year(&self, ms: i64) -> (i16, u8) {
        self.zoned(ms).map_or((0, 0), |z| (z.year(), if z.month() <= 6 { 1 } else { 2 }))
    }

    fn zoned(&self, ms: i64) -> Option<jiff::Zoned> {
        Timestamp::from_millisecond(ms).ok().map(|t| t.to_zoned(self.zone.clone()))
    }

    fn civil_date(z: &jiff::Zoned) -> String {
        format!("{} {} {}", z.day(), month(z.month()), z.year())
    }
}

fn weekday(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "Senin",
        Weekday::Tuesday => "Selasa",
        Weekday::Wednesday => "Rabu",
        Weekday::Thursday => "Kamis",
        Weekday::Friday => "Jumat",
        Weekday::Saturday => "Sabtu",
        Weekday::Sunday => "Minggu",
    }
}

fn month(number: i8) -> &'static str {
    let names = Language::Indonesian.labels().months_long;
    usize::try_from(number - 1).ok().and_then(|index| names.get(index)).copied().unwrap_or("")
}

/// "1.234.567".
pub fn integer(value: i64) -> String {
    grouped(value.unsigned_abs().into(), value < 0)
}

fn grouped(value: u128, negative: bool) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3 + 1);
    if negative {
        text.push('-');
    }
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('.');
        }
        text.push(digit);
    }
    text
}

/// `value` divided by `unit`, rounded half away from zero to `decimals` places: "1.234,50".
pub fn ratio(value: i64, unit: i64, decimals: u32) -> String {
    let scale = 10u128.pow(decimals);
    let unit = u128::from(unit.unsigned_abs()).max(1);
    let scaled = (u128::from(value.unsigned_abs()) * scale * 2 + unit) / (unit * 2);
    let whole = grouped(scaled / scale, value < 0 && scaled > 0);
    if decimals == 0 {
        return whole;
    }
    format!("{whole},{:0width$}", scaled % scale, width = decimals as usize)
}

/// Permille as percent: "12,3 %".
pub fn permille(value: i64) -> String {
    format!("{} %", ratio(value, 10, 1))
}

/// Hundredths of a percent as percent, without the sign: "99,95".
pub fn centipercent(value: i64) -> String {
    ratio(value, 100, 2)
}

/// Space on disk and in memory, by powers of 1,024: "12,34 GiB".
pub fn binary(bytes: i64) -> String {
    scaled(bytes, 1_024, ["byte", "KiB", "MiB", "GiB", "TiB"])
}

/// Traffic, by powers of 1,000: "12,34 GB".
pub fn decimal(bytes: i64) -> String {
    scaled(bytes, 1_000, ["byte", "kB", "MB", "GB", "TB"])
}

/// A rate given in bytes as links are sold, in bits: "12,34 Mbit/s".
pub fn rate(bytes_per_s: i64) -> String {
    bits(bytes_per_s.saturating_mul(8))
}

/// A link's speed: "20,00 Mbit/s".
pub fn bits(bits_per_s: i64) -> String {
    scaled(bits_per_s, 1_000, ["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"])
}

fn scaled(value: i64, step: i64, units: [&str; 5]) -> String {
    let mut unit = 1i64;
    let mut names = units.into_iter();
    let mut name = names.next().unwrap_or_default();
    for larger in names {
        if value.saturating_abs() / unit < step {
            break;
        }
        unit = unit.saturating_mul(step);
        name = larger;
    }
    format!("{} {name}", ratio(value, unit, if unit == 1 { 0 } else { 2 }))
}

/// How long a query took: "350 µs", "12,3 ms", "4,56 detik", "1,5 jam".
pub fn query_time(us: i64) -> String {
    if us < 1_000 {
        format!("{} µs", integer(us))
    } else if us < 1_000_000 {
        format!("{} ms", ratio(us, 1_000, 1))
    } else if us < 3_600_000_000 {
        format!("{} detik", ratio(us, 1_000_000, 2))
    } else {
        format!("{} jam", ratio(us, 3_600_000_000, 1))
    }
}

/// How long something lasted, in its two largest units: "2 jam 13 menit".
pub fn duration(ms: i64) -> String {
    let seconds = ms.max(0) / 1_000;
    let (days, hours) = (seconds / 86_400, seconds / 3_600 % 24);
    let (minutes, rest) = (seconds / 60 % 60, seconds % 60);
    let pair = |n: i64, unit: &str, m: i64, smaller: &str| match m {
        0 => format!("{} {unit}", integer(n)),
        _ => format!("{} {unit} {m} {smaller}", integer(n)),
    };
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{rest} detik"),
        (0, 0, _) => pair(minutes, "menit", rest, "detik"),
        (0, _, _) => pair(hours, "jam", minutes, "menit"),
        _ => pair(days, "hari", hours, "jam"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    #[test]
    fn dates_and_times_are_the_sites_own_and_indonesian() {
        let clock = Clock::new(TimeZone::get("Asia/Makassar").unwrap(), "WITA");
        let at = ms("2026-11-30T15:58:00Z");
        assert_eq!(clock.day(at), "Senin, 30 November 2026");
        assert_eq!(clock.time(at), "23.58 WITA");
        assert_eq!(clock.short(at), "30/11/2026 23.58");
        assert_eq!(clock.month(at), "November 2026");
        assert_eq!(clock.half_year(at), (2026, 2));
        assert_eq!(clock.day(ms("2026-11-21T16:00:00Z")), "Minggu, 22 November 2026");
    }

    #[test]
    fn numbers_have_points_between_thousands_and_a_comma_before_decimals() {
        assert_eq!(integer(0), "0");
        assert_eq!(integer(-1_234_567), "-1.234.567");
        assert_eq!(integer(i64::MIN), "-9.223.372.036.854.775.808");
        assert_eq!(ratio(12_345, 10, 1), "1.234,5");
        assert_eq!(ratio(-5, 100, 2), "-0,05");
        assert_eq!(ratio(2, 3, 2), "0,67");
        assert_eq!(ratio(1, 0, 0), "1");
        assert_eq!(centipercent(10_000), "100,00");
        assert_eq!(permille(8), "0,8 %");
    }

    #[test]
    fn space_is_binary_and_traffic_decimal_each_under_its_own_name() {
        assert_eq!(binary(1_023), "1.023 byte");
        assert_eq!(binary(13_249_974_107), "12,34 GiB");
        assert_eq!(decimal(12_340_000_000), "12,34 GB");
        assert_eq!(rate(2_500_000), "20,00 Mbit/s");
        assert_eq!(binary(i64::MAX), "8.388.608,00 TiB");
    }

    #[test]
    fn durations_name_their_unit() {
        assert_eq!(query_time(999), "999 µs");
        assert_eq!(query_time(12_340), "12,3 ms");
        assert_eq!(query_time(4_560_000), "4,56 detik");
        assert_eq!(duration(45_999), "45 detik");
        assert_eq!(duration(2 * 3_600_000 + 13 * 60_000), "2 jam 13 menit");
        assert_eq!(duration(26 * 3_600_000), "1 hari 2 jam");
        assert_eq!(duration(-1), "0 detik");
    }
}
