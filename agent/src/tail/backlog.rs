//! Tells how a long backlog goes: the first start reads a month of logs.

/// A smaller backlog is read before anyone asks.
const BACKLOG_BYTES_MIN: u64 = 16 * 1024 * 1024;
/// Between two lines about it.
const TELL_INTERVAL_MS: i64 = 10_000;

/// How far a backlog is read.
#[derive(Debug, Default)]
pub struct Backlog {
    begun: Option<Begun>,
}

#[derive(Debug)]
struct Begun {
    total_bytes: u64,
    told_ms: i64,
    told_unread_bytes: u64,
}

impl Backlog {
    /// What to tell now, with `unread_bytes` to go.
    pub fn line(&mut self, unread_bytes: u64, now_ms: i64) -> Option<String> {
        let Some(begun) = &mut self.begun else {
            self.begun = (unread_bytes >= BACKLOG_BYTES_MIN).then_some(Begun {
                total_bytes: unread_bytes,
                told_ms: now_ms,
                told_unread_bytes: unread_bytes,
            });
            return self
                .begun
                .as_ref()
                .map(|_| format!("a backlog of {} MB is being read", unread_bytes / 1_000_000));
        };
        if unread_bytes == 0 {
            self.begun = None;
            return Some("the backlog is read".to_owned());
        }
        let elapsed_ms = now_ms.saturating_sub(begun.told_ms);
        if elapsed_ms < 0 {
            // A clock set back: counted from now.
            begun.told_ms = now_ms;
        }
        if elapsed_ms < TELL_INTERVAL_MS {
            return None;
        }
        let text = begun.text(unread_bytes, elapsed_ms.unsigned_abs());
        (begun.told_ms, begun.told_unread_bytes) = (now_ms, unread_bytes);
        Some(text)
    }
}

impl Begun {
    fn text(&mut self, unread_bytes: u64, elapsed_ms: u64) -> String {
        self.total_bytes = self.total_bytes.max(unread_bytes);
        let percent = (self.total_bytes - unread_bytes) * 100 / self.total_bytes.max(1);
        let read_bytes = self.told_unread_bytes.saturating_sub(unread_bytes);
        let bytes_per_s = read_bytes.saturating_mul(1_000) / elapsed_ms.max(1);
        let remaining = match bytes_per_s {
            0 => "nothing was read lately".to_owned(),
            rate => format!("about {} s remain", unread_bytes / rate),
        };
        format!(
            "{percent} % of a backlog of {} MB is read, {}.{} MB/s, {remaining}",
            self.total_bytes / 1_000_000,
            bytes_per_s / 1_000_000,
            bytes_per_s / 100_000 % 10,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_backlog_is_told_of_each_ten_seconds_until_it_is_read() {
        let mut backlog = Backlog::default();
        let mut at = |unread_bytes, now_ms| backlog.line(unread_bytes, now_ms).unwrap_or_default();
        assert_eq!(at(200_000_000, 0), "a backlog of 200 MB is being read");
        assert_eq!(at(190_000_000, 9_999), "");
        let told = "25 % of a backlog of 200 MB is read, 5.0 MB/s, about 30 s remain";
        assert_eq!(at(150_000_000, 10_000), told);
        assert_eq!(at(150_000_000, 20_000).rsplit(", ").next(), Some("nothing was read lately"));
        assert_eq!(at(0, 20_001), "the backlog is read");
        assert_eq!(at(0, 40_000), "");
    }

    #[test]
    fn a_short_backlog_is_nothing_to_tell() {
        let mut backlog = Backlog::default();
        assert_eq!(backlog.line(BACKLOG_BYTES_MIN - 1, 0), None);
    }
}
