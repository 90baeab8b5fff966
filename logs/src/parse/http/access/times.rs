//! The time of a line, from the one or more texts that a pattern makes of it.

use jiff::{Timestamp, fmt::strtime::BrokenDownTime, tz::TimeZone};

use super::super::{
    super::time::{Clock, with_zone},
    pattern::{Pattern, When},
};
use crate::entry::EventTime;

/// Reads the times of one pattern.
#[derive(Clone, Debug)]
pub struct Times {
    how: How,
}

#[derive(Clone, Debug)]
enum How {
    /// The pattern has none.
    Untold,
    Clock(Clock),
    /// So many of them are a millisecond.
    Epoch(i64),
    Written(Written),
}

/// Texts by formats of strftime. Lines of one second follow each other: what was made of the last texts is
/// kept.
#[derive(Clone, Debug)]
struct Written {
    zone: TimeZone,
    /// Of all texts, a line each.
    format: String,
    texts: Vec<u8>,
    known: Option<EventTime>,
}

impl Times {
    /// For a pattern's lines, in a zone that counts where they name none.
    pub fn new(pattern: &Pattern, zone: &TimeZone) -> Times {
        let format = pattern.times().filter_map(|when| match when {
            When::Written(format) => Some(format.as_str()),
            _ => None,
        });
        let format = format.collect::<Vec<_>>().join("\n");
        let how = match pattern.times().next() {
            None => How::Untold,
            Some(When::Local | When::Iso | When::Epoch) => How::Clock(Clock::new(zone.clone())),
            Some(When::EpochMillis) => How::Epoch(1),
            Some(When::EpochMicros) => How::Epoch(1_000),
            Some(When::Written(_)) => {
                How::Written(Written { zone: zone.clone(), format, texts: Vec::new(), known: None })
            }
        };
        Times { how }
    }

    /// The time of a line, where its pattern has one. `None` where the texts are no time.
    pub fn read(&mut self, texts: &[&[u8]]) -> Option<Option<EventTime>> {
        let first = texts.first().copied().unwrap_or_default();
        match &mut self.how {
            How::Untold => return Some(None),
            How::Clock(clock) => clock.read(first),
            How::Epoch(per_ms) => epoch(first, *per_ms),
            How::Written(written) => written.read(texts),
        }
        .map(Some)
    }
}

impl Written {
    fn read(&mut self, texts: &[&[u8]]) -> Option<EventTime> {
        if !self.is_last(texts) {
            self.texts = texts.join(&b'\n');
            self.known = self.parse();
        }
        self.known
    }

    fn is_last(&self, texts: &[&[u8]]) -> bool {
        let mut rest = Some(self.texts.as_slice());
        for (index, text) in texts.iter().enumerate() {
            rest = if index == 0 { rest } else { rest.and_then(|rest| rest.strip_prefix(b"\n")) };
            rest = rest.and_then(|rest| rest.strip_prefix(*text));
        }
        rest.is_some_and(<[u8]>::is_empty)
    }

    fn parse(&self) -> Option<EventTime> {
        let read = BrokenDownTime::parse(&self.format, &self.texts).ok()?;
        if let Ok(at) = read.to_timestamp() {
            return Some(EventTime { ms: at.as_millisecond(), estimated: false });
        }
        with_zone(read.to_datetime().ok()?, "", &self.zone)
    }
}

fn epoch(text: &[u8], per_ms: i64) -> Option<EventTime> {
    let ms = std::str::from_utf8(text).ok()?.parse::<i64>().ok()? / per_ms;
    Timestamp::from_millisecond(ms).ok().map(|_| EventTime { ms, estimated: false })
}
