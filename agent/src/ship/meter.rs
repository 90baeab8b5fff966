//! Counts what goes through the socket, TLS and the proxy's greeting included, both directions, by the
//! site's own day.
//!
//! The count of the day is kept in `traffic.json` of the state folder, so that a restart does not begin
//! the day anew. It is written every few minutes and when the agent stops: a crash forgets what came
//! since, a few kilobytes on a normal day.

use std::{
    fs,
    path::PathBuf,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Longest day there is: 24 hours and a change of clocks.
const DAY_MS_MAX: i64 = 26 * 3_600_000;

/// Bytes of today.
pub struct Meter {
    file: PathBuf,
    zone: TimeZone,
    day: Mutex<Day>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Day {
    /// As in a calendar, of the site's zone.
    date: String,
    sent: u64,
    received: u64,
    /// This day's bounds in UTC.
    #[serde(skip)]
    from_ms: i64,
    #[serde(skip)]
    to_ms: i64,
}

impl Meter {
    /// Goes on with what `file` says of today; a file that cannot be read counts from nothing.
    pub fn open(file: PathBuf, zone: TimeZone, now_ms: i64) -> Meter {
        let mut day = day_of(&zone, now_ms);
        let known =
            fs::read(&file).ok().and_then(|bytes| serde_json::from_slice::<Day>(&bytes).ok());
        if let Some(known) = known.filter(|known| known.date == day.date) {
            (day.sent, day.received) = (known.sent, known.received);
        }
        Meter { file, zone, day: Mutex::new(day) }
    }

    /// Bytes sent and received today.
    pub fn today(&self) -> (u64, u64) {
        self.on(now_ms())
    }

    /// As [`Meter::today`], of the day that `now_ms` is in.
    pub(super) fn on(&self, now_ms: i64) -> (u64, u64) {
        let day = self.rolled(now_ms);
        (day.sent, day.received)
    }

    /// Share of the day that is over, in permille.
    pub(super) fn permille_over(&self, now_ms: i64) -> u32 {
        let day = self.rolled(now_ms);
        let (over, whole) = (now_ms - day.from_ms, (day.to_ms - day.from_ms).max(1));
        u32::try_from(over.clamp(0, whole) * 1_000 / whole).unwrap_or(1_000)
    }

    /// Writes the day down; see the module for when.
    pub fn save(&self) -> std::io::Result<()> {
        let day = self.rolled(now_ms()).clone();
        let new = self.file.with_extension("new");
        fs::write(&new, serde_json::to_vec(&day)?)?;
        fs::rename(&new, &self.file)
    }

    fn add(&self, sent: usize, received: usize) {
        let mut day = self.rolled(now_ms());
        day.sent = day.sent.saturating_add(sent as u64);
        day.received = day.received.saturating_add(received as u64);
    }

    fn rolled(&self, now_ms: i64) -> MutexGuard<'_, Day> {
        let mut day = self.day.lock().unwrap_or_else(PoisonError::into_inner);
        if !(day.from_ms..day.to_ms).contains(&now_ms) {
            *day = day_of(&self.zone, now_ms);
        }
        day
    }
}

/// The day that holds `now_ms`, with nothing counted.
fn day_of(zone: &TimeZone, now_ms: i64) -> Day {
    let now = Timestamp::from_millisecond(now_ms).unwrap_or_default().to_zoned(zone.clone());
    let begin = now.start_of_day().map(|begin| begin.timestamp().as_millisecond());
    let end = now.tomorrow().and_then(|next| next.start_of_day());
    let from_ms = begin.unwrap_or(now_ms);
    let to_ms = end.map(|end| end.timestamp().as_millisecond()).unwrap_or(from_ms + DAY_MS_MAX);
    Day { date: now.date().to_string(), sent: 0, received: 0, from_ms, to_ms }
}

fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}

/// A stream whose bytes are counted.
pub struct Metered<S> {
    stream: S,
    meter: Arc<Meter>,
}

impl<S> Metered<S> {
    pub(super) fn new(stream: S, meter: Arc<Meter>) -> Metered<S> {
        Metered { stream, meter }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        self.meter.add(0, buffer.filled().len() - before);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
        self.meter.add(written, 0);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    fn makassar() -> TimeZone {
        TimeZone::get("Asia/Makassar").unwrap()
    }

    #[tokio::test]
    async fn bytes_of_both_directions_are_counted_and_outlive_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("traffic.json");
        let meter = Arc::new(Meter::open(file.clone(), makassar(), now_ms()));
        let (near, mut far) = tokio::io::duplex(64);
        let mut near = Metered::new(near, meter.clone());
        near.write_all(b"12345").await.unwrap();
        far.write_all(b"123").await.unwrap();
        near.read_exact(&mut [0; 3]).await.unwrap();
        assert_eq!(meter.today(), (5, 3));
        meter.save().unwrap();
        assert_eq!(Meter::open(file, makassar(), now_ms()).today(), (5, 3));
    }

    #[test]
    fn a_day_begins_at_midnight_of_the_site() {
        // 15:59:59 UTC is a second before midnight in Makassar.
        let before = "2026-11-21T15:59:59Z".parse::<Timestamp>().unwrap().as_millisecond();
        let meter = Meter::open("/nowhere/traffic.json".into(), makassar(), before);
        meter.rolled(before).sent = 7;
        assert_eq!(meter.on(before), (7, 0));
        assert_eq!(meter.permille_over(before), 999);
        assert_eq!(meter.on(before + 1_000), (0, 0));
        assert_eq!(meter.permille_over(before + 1_000), 0);
    }

    #[test]
    fn a_file_of_another_day_or_of_anything_else_counts_from_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("traffic.json");
        for text in ["", "{}", "\0\0", "{\"date\":\"2020-01-01\",\"sent\":9,\"received\":9}"] {
            fs::write(&file, text).unwrap();
            assert_eq!(Meter::open(file.clone(), makassar(), now_ms()).today(), (0, 0), "{text}");
        }
    }
}
