//! Section A. The form gives no definitions; ours are: the SPSE databases' size at the end of the period
//! with its growth; accounts by the configured SQL, never connections; commits and rollbacks together;
//! what was sent (upstream) and received (downstream) on the outside interface.

use crate::{
    config::Site,
    domain::{period::Period, summary::DatabaseSummary},
    reporting::{
        format::{Clock, binary, bits, decimal, integer, permille, rate},
        model::{Conditions, TrafficDirection, Value},
        query::Facts,
    },
};

use super::capacity::{received, sent};

pub(super) fn conditions(facts: &Facts, site: &Site, covered: Period, clock: &Clock) -> Conditions {
    let databases: Vec<&DatabaseSummary> =
        facts.databases.iter().filter(|database| is_applications(database)).collect();
    Conditions {
        database_size: database_size(&databases, clock),
        users: users(&databases),
        transactions: transactions(&databases, covered),
        upstream: bandwidth(facts, |traffic| sent(traffic, site)),
        downstream: bandwidth(facts, |traffic| received(traffic, site)),
    }
}

/// PostgreSQL's own databases are listed in annex 5 and left out of section A.
fn is_applications(database: &DatabaseSummary) -> bool {
    !matches!(database.database.as_str(), "postgres" | "template0" | "template1")
}

/// Size at the end of the period, with its growth.
fn database_size(databases: &[&DatabaseSummary], clock: &Clock) -> Value {
    let measured: Vec<_> = databases
        .iter()
        .filter_map(|database| Some((*database, database.size_last_bytes?)))
        .collect();
    if measured.is_empty() {
        return not_measured("ukuran database tidak terbaca oleh agen dalam periode ini");
    }
    let total = measured.iter().fold(0i64, |sum, (_, size)| sum.saturating_add(*size));
    let line = |(database, size): &(&DatabaseSummary, i64)| {
        let name = database.database.as_str();
        let (at, grown) = (clock.moment(database.size_last_ms), growth(database, *size));
        if measured.len() == 1 {
            format!("{name}, {at}{grown}")
        } else {
            format!("{name}: {}, {at}{grown}", binary(*size))
        }
    };
    Value::Measured { text: binary(total), details: measured.iter().map(line).collect() }
}

fn growth(database: &DatabaseSummary, last: i64) -> String {
    let Some(first) = database.size_first_bytes else {
        return String::new();
    };
    let change = last.saturating_sub(first);
    let share = match first {
        1.. => {
            let share = i128::from(change) * 1_000 / i128::from(first);
            format!(" ({})", permille(i64::try_from(share).unwrap_or(i64::MAX)))
        }
        _ => String::new(),
    };
    match change {
        0 => "; tidak berubah selama periode".to_owned(),
        1.. => format!("; bertambah {}{share}", binary(change)),
        _ => format!("; berkurang {}{share}", binary(change.saturating_neg())),
    }
}

/// Accounts by the configured SQL; connections are no users.
fn users(databases: &[&DatabaseSummary]) -> Value {
    let counted: Vec<_> = databases
        .iter()
        .filter_map(|database| Some((database.database.as_str(), database.accounts?)))
        .collect();
    if counted.is_empty() {
        return not_measured("SQL penghitung akun belum diatur pada agen, atau belum terjawab");
    }
    let total = counted.iter().fold(0i64, |sum, (_, accounts)| sum.saturating_add(*accounts));
    let details = match counted.as_slice() {
        [(name, _)] => vec![format!("jumlah akun terakhir yang terbaca, {name}")],
        all => all.iter().map(|(name, n)| format!("{name}: {} akun", integer(*n))).collect(),
    };
    Value::Measured { text: format!("{} akun", integer(total)), details }
}

/// Commits and rollbacks together.
fn transactions(databases: &[&DatabaseSummary], covered: Period) -> Value {
    let minutes = databases.iter().map(|database| database.minutes).max().unwrap_or(0);
    if minutes == 0 {
        return not_measured("penghitung transaksi tidak terbaca oleh agen dalam periode ini");
    }
    if !databases.iter().any(|database| database.has_increases()) {
        return not_measured(
            "penghitung transaksi baru terbaca satu kali; jumlahnya ialah selisih",
        );
    }
    let sum = |of: fn(&DatabaseSummary) -> i64| {
        databases.iter().fold(0i64, |sum, database| sum.saturating_add(of(database)))
    };
    let (commits, rollbacks) = (sum(|d| d.commits), sum(|d| d.rollbacks));
    Value::Measured {
        text: integer(commits.saturating_add(rollbacks)),
        details: vec![format!(
            "commit {}; rollback {}; terukur {} dari {} menit",
            integer(commits),
            integer(rollbacks),
            integer(minutes),
            integer(covered.len_ms() / 60_000)
        )],
    }
}

/// One direction of the outside interface, of each server.
fn bandwidth(
    facts: &Facts,
    direction: impl Fn(&crate::domain::summary::Traffic) -> TrafficDirection,
) -> Value {
    let measured: Vec<_> = facts
        .servers
        .iter()
        .filter_map(|server| {
            let traffic = server.traffic.as_ref().filter(|traffic| traffic.minutes > 0)?;
            Some((server.hostname.as_str(), traffic.interface.as_str(), direction(traffic)))
        })
        .collect();
    if measured.is_empty() {
        return not_measured("lalu lintas antarmuka luar tidak terbaca dalam periode ini");
    }
    let total = measured.iter().fold(0i64, |sum, (_, _, way)| sum.saturating_add(way.bytes));
    let line = |(host, interface, way): &(&str, &str, TrafficDirection)| {
        let share = link_share(way);
        let (peak, p95) = (rate(way.peak_bytes_per_s), rate(way.p95_bytes_per_s));
        let place = match measured.len() {
            1 => format!("antarmuka {interface}"),
            _ => format!("{host}/{interface}: {}", decimal(way.bytes)),
        };
        format!("{place}; puncak {peak}; persentil 95 {p95}{share}")
    };
    Value::Measured {
        text: format!("{} total", decimal(total)),
        details: measured.iter().map(line).collect(),
    }
}

/// The 95th percentile as a share of the contracted link.
fn link_share(way: &TrafficDirection) -> String {
    let Some(link) = way.link_bits_per_s.filter(|link| *link > 0) else {
        return String::new();
    };
    let share = i128::from(way.p95_bytes_per_s) * 8 * 1_000 / i128::from(link);
    let share = permille(i64::try_from(share).unwrap_or(i64::MAX));
    format!(" ({share} dari {} kontrak)", bits(link))
}

fn not_measured(reason: &str) -> Value {
    Value::NotMeasured { reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_that_were_read_once_are_no_number_of_transactions() {
        let period = Period { from_ms: 0, to_ms: 3_600_000 };
        let read = |minutes| DatabaseSummary { minutes, commits: 7, ..DatabaseSummary::default() };
        for (minutes, measured) in [(0, false), (1, false), (2, true)] {
            let value = transactions(&[&read(minutes)], period);
            assert_eq!(matches!(value, Value::Measured { .. }), measured, "{minutes}: {value:?}");
        }
    }
}
