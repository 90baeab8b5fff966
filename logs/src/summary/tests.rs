use jiff::tz::TimeZone;

use super::*;
use crate::{
    format::Layout,
    parse::{Line, postgres},
    understand::LogStream,
};

const LOG: &str = "\
2026-11-21 14:03:05.000 UTC [1] epns@epns_prod/web LOG:  duration: 2.000 ms  statement: SELECT * FROM lelang WHERE id = 1
2026-11-21 14:03:06.000 UTC [1] epns@epns_prod/web LOG:  duration: 4.000 ms  statement: SELECT * FROM lelang WHERE id = 2
2026-11-21 15:00:00.000 UTC [2] epns@epns_prod/batch LOG:  duration: 6.000 ms  statement: select * from lelang where id = 3
2026-11-21 15:00:01.000 UTC [2] epns@epns_prod/batch ERROR:  canceling statement due to statement timeout
2026-11-21 15:00:01.000 UTC [2] epns@epns_prod/batch STATEMENT:  select * from lelang where id = 4
2026-11-21 15:00:02.000 UTC [2] epns@epns_prod/batch LOG:  duration: 1.000 ms  statement: COMMIT
not a line of PostgreSQL
";

fn summary(log: &str, period: Period) -> Summary {
    let layout = Layout { text: None, zone: TimeZone::UTC };
    let mut stream = LogStream::new(&postgres::stderr::FORMAT, &layout, "spse", None);
    let mut summary = Summary::new(period);
    let mut end = 0;
    for line in log.lines() {
        end += line.len() as u64 + 1;
        stream.line(Line { bytes: line.as_bytes(), end, now_ms: 0 }, |entry| summary.add(entry));
    }
    stream.finish(|entry| summary.add(entry));
    summary.add_redactions(stream.take_redactions());
    summary
}

#[test]
fn a_log_is_added_up_by_kind_and_hour() {
    let summary = summary(LOG, Period::default());
    assert_eq!((summary.lines.read(), summary.lines.counted, summary.lines.unparsed), (7, 6, 1));
    let queries = summary.queries.ranked();
    let first = &queries[0].1.tally;
    assert_eq!(
        (first.calls, first.total_us, first.min_us, first.max_us),
        (3, 12_000, 2_000, 6_000)
    );
    assert_eq!(first.applications.values().copied().collect::<Vec<_>>(), [1, 2]);
    let fingerprint = first.group().unwrap().fingerprint;
    assert_eq!(summary.failed_statements.get(fingerprint).unwrap().tally.0, 1);
    let hours: Vec<_> = summary.hours.values().map(|hour| (hour.calls, hour.errors)).collect();
    assert_eq!(hours, [(2, 0), (2, 1)]);
}

#[test]
fn pieces_merged_are_the_whole() {
    let lines: Vec<_> = LOG.split_inclusive('\n').collect();
    // Not within an entry of two lines.
    for cut in [0, 1, 2, 3, 5, 6] {
        let (first, second) = lines.split_at(cut);
        let mut merged = summary(&first.concat(), Period::default());
        merged.merge(summary(&second.concat(), Period::default()));
        let whole = summary(LOG, Period::default());
        assert_eq!(format!("{:?}", merged.lines), format!("{:?}", whole.lines));
        assert_eq!(merged.hours, whole.hours);
        assert_eq!(merged.redactions, whole.redactions);
        let told = |summary: &Summary| {
            let queries = summary.queries.ranked();
            queries.iter().map(|(key, kept)| (*key, kept.tally.calls)).collect::<Vec<_>>()
        };
        assert_eq!(told(&merged), told(&whole));
    }
}

#[test]
fn events_outside_the_period_are_not_counted_and_their_lines_are() {
    let from = "2026-11-21T15:00:00Z".parse::<jiff::Timestamp>().unwrap().as_millisecond();
    let summary = summary(LOG, Period { from_ms: Some(from), to_ms: Some(from + 1_500) });
    assert_eq!((summary.lines.counted, summary.lines.outside), (3, 3));
    assert_eq!(summary.queries.ranked()[0].1.tally.calls, 1);
}
