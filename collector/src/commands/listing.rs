//! An answer as a table for people, as JSON or as CSV for programs.

use std::io::{ErrorKind, Write};

use anyhow::{Context, Result};
use comfy_table::{CellAlignment, Table, presets};
use serde_json::Value;

use crate::{config::Site, domain::text};

/// Longest text in a table, in characters; JSON and CSV have it whole.
const TABLE_TEXT_CHARS_MAX: usize = 90;

/// Unit of durations in JSON and CSV, as a column's name ends; in a table it is [`TABLE_DURATION_SUFFIX`].
const DURATION_SUFFIX: &str = "_us";
/// Unit of durations in a table.
const TABLE_DURATION_SUFFIX: &str = "_ms";

/// The options that choose a form.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct Output {
    /// Print JSON; times are UTC milliseconds
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Print CSV; times are RFC 3339 in the site's zone
    #[arg(long)]
    csv: bool,
}

/// One answer.
#[derive(Debug)]
pub struct Listing {
    /// A line above the table.
    pub title: String,
    /// What is said when there are no rows.
    pub empty: &'static str,
    /// Names of the columns, with their units; columns of durations end in [`DURATION_SUFFIX`].
    pub columns: Vec<&'static str>,
    /// As many cells each as there are columns.
    pub rows: Vec<Vec<Cell>>,
    /// The whole answer for programs.
    pub json: Value,
}

/// One value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Not known or not applicable.
    None,
    /// Text, possibly from outside.
    Text(String),
    /// A count or quantity, as the column's unit says.
    Number(i64),
    /// A share in hundredths of a percent.
    Percent(i64),
    /// A duration in microseconds; people read it in milliseconds.
    Duration(i64),
    /// An instant and what it is written as.
    Time(Instant),
}

/// An instant in a site's zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instant {
    people: String,
    programs: String,
}

impl Cell {
    /// A text.
    pub fn text(text: impl Into<String>) -> Cell {
        Cell::Text(text.into())
    }

    /// A duration in microseconds that may not be known.
    pub fn duration(us: Option<i64>) -> Cell {
        us.map_or(Cell::None, Cell::Duration)
    }

    /// The share of `part` in `whole`, cut and not rounded: 99.999 % is never shown as 100.
    pub fn share(part: i64, whole: i64) -> Cell {
        if whole <= 0 {
            return Cell::None;
        }
        let hundredths = i128::from(part) * 10_000 / i128::from(whole);
        i64::try_from(hundredths).map_or(Cell::None, Cell::Percent)
    }

    /// An instant in the zone of `site`; 0 is none.
    pub fn time(ms: i64, site: &Site) -> Cell {
        instant(ms, site).filter(|_| ms != 0).map_or(Cell::None, Cell::Time)
    }

    /// An instant in the zone of `site`, in UTC when the settings do not name the site any more.
    pub fn time_anywhere(ms: i64, site: Option<&Site>) -> Cell {
        match site {
            Some(site) => Cell::time(ms, site),
            None => Cell::text(time_anywhere(ms, None)),
        }
    }

    fn people(&self) -> String {
        match self {
            Cell::None => "-".to_owned(),
            Cell::Text(given) => shortened(&text::one_line(given)),
            Cell::Number(n) => n.to_string(),
            Cell::Percent(p) => format!("{}.{:02} %", p / 100, p % 100),
            Cell::Duration(us) => milliseconds(*us),
            Cell::Time(instant) => instant.people.clone(),
        }
    }

    fn programs(&self) -> String {
        match self {
            Cell::None => String::new(),
            Cell::Text(given) => harmless_in_a_spreadsheet(text::one_line(given)),
            Cell::Number(n) | Cell::Duration(n) => n.to_string(),
            Cell::Percent(p) => format!("{}.{:02}", p / 100, p % 100),
            Cell::Time(instant) => instant.programs.clone(),
        }
    }

    fn alignment(&self) -> CellAlignment {
        match self {
            Cell::Number(_) | Cell::Percent(_) | Cell::Duration(_) => CellAlignment::Right,
            _ => CellAlignment::Left,
        }
    }
}

/// An instant for people, e.g. `2026-11-21 14:00:05 WITA`.
pub fn time_for_people(ms: i64, site: &Site) -> String {
    instant(ms, site).map(|instant| instant.people).unwrap_or_default()
}

/// As [`time_for_people`], in UTC without a site.
pub fn time_anywhere(ms: i64, site: Option<&Site>) -> String {
    let utc = || jiff::Timestamp::from_millisecond(ms).map(|t| t.strftime("%F %T UTC").to_string());
    site.map_or_else(|| utc().unwrap_or_default(), |site| time_for_people(ms, site))
}

fn instant(ms: i64, site: &Site) -> Option<Instant> {
    let zoned = jiff::Timestamp::from_millisecond(ms).ok()?.to_zoned(site.zone.clone());
    let abbreviation = site.zone_abbreviation(ms);
    Some(Instant {
        people: format!("{} {abbreviation}", zoned.strftime("%Y-%m-%d %H:%M:%S")),
        programs: zoned.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
    })
}

impl Listing {
    /// Prints it. A reader that has seen enough (`| head`) is no error.
    pub fn print(&self, output: Output) -> Result<()> {
        let text = self.render(output)?;
        match std::io::stdout().lock().write_all(text.as_bytes()) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            result => result.context("cannot write the answer"),
        }
    }

    fn render(&self, output: Output) -> Result<String> {
        if output.json {
            return Ok(format!("{:#}\n", self.json));
        }
        if output.csv {
            return self.csv();
        }
        if self.rows.is_empty() {
            return Ok(format!("{}\n{}\n", text::one_line(&self.title), self.empty));
        }
        let table = self.table().trim_fmt();
        Ok(format!("{}\n{table}\n", text::one_line(&self.title)))
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_preset(presets::NOTHING);
        table.set_header(self.columns.iter().map(|name| heading(name)));
        for row in &self.rows {
            let cells = row
                .iter()
                .map(|cell| comfy_table::Cell::new(cell.people()).set_alignment(cell.alignment()));
            table.add_row(cells);
        }
        table
    }

    fn csv(&self) -> Result<String> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(&self.columns)?;
        for row in &self.rows {
            writer.write_record(row.iter().map(Cell::programs))?;
        }
        let bytes = writer.into_inner().context("cannot write CSV")?;
        String::from_utf8(bytes).context("cannot write CSV")
    }
}

/// A column's name above a table.
fn heading(name: &str) -> String {
    match name.strip_suffix(DURATION_SUFFIX) {
        Some(stem) => format!("{stem}{TABLE_DURATION_SUFFIX}").to_uppercase(),
        None => name.to_uppercase(),
    }
}

/// Microseconds as milliseconds: exact below 10 ms, where a query's own time is; tenths below a second,
/// then whole ones.
fn milliseconds(us: i64) -> String {
    let tenths = us.saturating_add(50) / 100;
    match us {
        ..10_000 => format!("{}.{:03}", us / 1_000, us.max(0) % 1_000),
        10_000..1_000_000 => format!("{}.{}", tenths / 10, tenths % 10),
        _ => (us.saturating_add(500) / 1_000).to_string(),
    }
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= TABLE_TEXT_CHARS_MAX {
        return text.to_owned();
    }
    text.chars().take(TABLE_TEXT_CHARS_MAX - 1).chain(['…']).collect()
}

/// Spreadsheets run a cell that begins with one of these as a formula (OWASP, "CSV Injection"); what
/// users typed into a form can stand in a log.
fn harmless_in_a_spreadsheet(text: String) -> String {
    match text.chars().next() {
        Some('=' | '+' | '-' | '@') => format!("'{text}"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;

    fn jayapura() -> Site {
        let text = "store = \"sqlite:x.db\"\n[[site]]\nid = \"papua\"\nname = \"LPSE Papua\"\nzone = \
                    \"Asia/Jayapura\"";
        Settings::parse(text).unwrap().sites.remove(0)
    }

    fn listing(rows: Vec<Vec<Cell>>) -> Listing {
        Listing {
            title: "LPSE \u{1b}[2JPapua".to_owned(),
            empty: "Nothing.",
            columns: vec!["text", "count"],
            rows,
            json: serde_json::json!({"rows": 0}),
        }
    }

    const TABLE: Output = Output { json: false, csv: false };
    const CSV: Output = Output { json: false, csv: true };

    #[test]
    fn a_text_from_a_log_cannot_steer_the_terminal() {
        let rows = vec![vec![Cell::text("a\u{1b}[31mb\nc"), Cell::Number(1)]];
        let shown = listing(rows).render(TABLE).unwrap();
        assert!(!shown.contains('\u{1b}'), "{shown:?}");
        assert!(shown.contains("[31mb c"), "{shown}");
    }

    #[test]
    fn a_text_from_a_log_is_no_formula_in_a_spreadsheet() {
        let rows = vec![vec![Cell::text("=HYPERLINK(\"http://x\")"), Cell::Number(-1)]];
        let expected = "text,count\n\"'=HYPERLINK(\"\"http://x\"\")\",-1\n";
        assert_eq!(listing(rows).render(CSV).unwrap(), expected);
    }

    #[test]
    fn no_rows_are_said_in_words_or_as_a_header_alone() {
        assert!(listing(vec![]).render(TABLE).unwrap().ends_with("\nNothing.\n"));
        assert_eq!(listing(vec![]).render(CSV).unwrap(), "text,count\n");
    }

    #[test]
    fn a_time_is_shown_in_the_sites_zone() {
        let Cell::Time(instant) = Cell::time(1_795_275_000_000, &jayapura()) else { panic!() };
        assert_eq!(instant.people, "2026-11-22 00:30:00 WIT");
        assert_eq!(instant.programs, "2026-11-22T00:30:00+09:00");
        assert_eq!(Cell::time(0, &jayapura()), Cell::None);
    }

    #[test]
    fn people_read_milliseconds_and_programs_microseconds() {
        let shown = |us| Cell::Duration(us).people();
        let table = [
            (0, "0.000"),
            (7, "0.007"),
            (1_234, "1.234"),
            (9_999, "9.999"),
            (12_349, "12.3"),
            (999_949, "999.9"),
            (1_000_500, "1001"),
            (3_600_000_000, "3600000"),
        ];
        for (us, expected) in table {
            assert_eq!(shown(us), expected, "{us}");
        }
        assert_eq!(Cell::Duration(1_234).programs(), "1234");
        assert_eq!(
            (heading("mean_us"), heading("rows")),
            ("MEAN_MS".to_owned(), "ROWS".to_owned())
        );
    }

    #[test]
    fn almost_all_is_not_shown_as_all() {
        assert_eq!(Cell::share(999_999, 1_000_000).people(), "99.99 %");
        assert_eq!(Cell::share(1, 1).people(), "100.00 %");
        assert_eq!(Cell::share(0, 0).people(), "-");
    }
}
