//! Which business step a request belongs to. An editable table says so; its format stands at the top of the
//! one that is built in, `steps/standard.txt`.

use std::{
    fmt,
    sync::{Arc, LazyLock},
};

use crate::parse::http::METHODS;

mod glob;

use glob::Glob;

/// The table that a site has unless it brings its own.
pub const STANDARD: &str = include_str!("steps/standard.txt");

/// A longer table is refused.
const TABLE_BYTES_MAX: usize = 64 * 1024;
/// Steps of a table.
const STEPS_MAX: usize = 64;
/// Routes of a table.
const ROUTES_MAX: usize = 1_000;
/// Characters of a key.
const KEY_BYTES_MAX: usize = 32;
/// Characters of a label.
const LABEL_CHARS_MAX: usize = 80;
/// Segments of a route; those of requests are cut before.
const SEGMENTS_MAX: usize = 12;
/// `**` of a route: each multiplies the ways in which it may fit.
const GAPS_MAX: usize = 2;

/// A table of business steps.
#[derive(Clone, Debug)]
pub struct Steps {
    steps: Vec<Step>,
    rows: Vec<Row>,
}

/// One business step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its name in data.
    pub key: Arc<str>,
    /// Its name in Indonesian reports.
    pub indonesian: String,
    /// Its name in English reports.
    pub english: String,
}

/// Requests of a step.
#[derive(Clone, Debug)]
struct Row {
    /// Empty: all.
    methods: Vec<String>,
    segments: Vec<Segment>,
    step: Arc<str>,
}

#[derive(Clone, Debug)]
enum Segment {
    One(Glob),
    /// Any number of segments.
    Gap,
}

/// What is wrong with a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepsError {
    /// Line, the first is 1.
    pub line: usize,
    /// What is wrong.
    pub what: String,
    /// What may stand there.
    pub allowed: &'static str,
}

impl fmt::Display for StepsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}; allowed: {}", self.line, self.what, self.allowed)
    }
}

impl std::error::Error for StepsError {}

/// What is wrong with a line, and what may stand there.
type Wrong = (String, &'static str);

const SIZE: &str = "at most 65,536 bytes, 64 steps and 1,000 routes";
const HEADER: &str = "[key] label in Indonesian | label in English";
const KEY: &str = "1 to 32 of a-z, 0-9 and _";
const LABEL: &str = "two labels of 1 to 80 characters, \"|\" between them";
const REQUEST: &str = "METHODS route, as in \"GET,POST /**/login\", below the line of a step";
const METHOD: &str = "names of methods in capitals, joined by commas, or *";
const ROUTE: &str =
    "a route that begins with \"/\", of at most 12 segments, with at most two \"**\"";

impl Steps {
    /// The table that is built in.
    pub fn standard() -> Arc<Steps> {
        STANDARD_STEPS.clone()
    }

    /// Reads a table.
    pub fn parse(text: &str) -> Result<Steps, StepsError> {
        let mut steps = Steps { steps: Vec::new(), rows: Vec::new() };
        if text.len() > TABLE_BYTES_MAX {
            return Err(StepsError {
                line: 1,
                what: "the table is too long".into(),
                allowed: SIZE,
            });
        }
        let mut open = None;
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            steps.line(line, &mut open).map_err(|(what, allowed)| StepsError {
                line: index + 1,
                what,
                allowed,
            })?;
        }
        Ok(steps)
    }

    /// All steps, in the order of the table.
    pub fn all(&self) -> &[Step] {
        &self.steps
    }

    /// Key of the step that requests of a route belong to, or an empty text. `route`: a path, or a path
    /// whose variable parts are replaced.
    pub fn of(&self, method: &str, route: &str) -> Arc<str> {
        let segments: Vec<_> = match route.starts_with('/') {
            true => {
                route.split('/').filter(|segment| !segment.is_empty()).take(SEGMENTS_MAX).collect()
            }
            false => vec![route],
        };
        let row = self.rows.iter().find(|row| row.fits(method, &segments));
        row.map_or_else(|| NO_STEP.clone(), |row| row.step.clone())
    }

    fn line(&mut self, line: &str, open: &mut Option<Arc<str>>) -> Result<(), Wrong> {
        if let Some(header) = line.strip_prefix('[') {
            *open = Some(self.header(header)?);
            return Ok(());
        }
        let Some(step) = open.clone() else {
            return Err((format!("{line:?} stands before the first step"), HEADER));
        };
        if self.rows.len() >= ROUTES_MAX {
            return Err(("there are too many routes".into(), SIZE));
        }
        self.rows.push(row(line, step)?);
        Ok(())
    }

    /// Key of the step that a header opens, for the first time or again.
    fn header(&mut self, header: &str) -> Result<Arc<str>, Wrong> {
        let (key, labels) =
            header.split_once(']').ok_or_else(|| (format!("\"[{header}\" lacks \"]\""), HEADER))?;
        let is_key = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        if !(1..=KEY_BYTES_MAX).contains(&key.len()) || !key.bytes().all(is_key) {
            return Err((format!("{key:?} is no key"), KEY));
        }
        let known = self.steps.iter().find(|step| *step.key == *key);
        if let Some(step) = known.filter(|_| labels.trim().is_empty()) {
            return Ok(step.key.clone());
        }
        if known.is_some() {
            return Err((format!("{key:?} has its labels already"), "[key] alone"));
        }
        if self.steps.len() >= STEPS_MAX {
            return Err(("there are too many steps".into(), SIZE));
        }
        let (indonesian, english) = self::labels(labels)?;
        let key: Arc<str> = key.into();
        self.steps.push(Step { key: key.clone(), indonesian, english });
        Ok(key)
    }
}

fn labels(text: &str) -> Result<(String, String), Wrong> {
    let wrong = || (format!("{:?} are not two labels", text.trim()), LABEL);
    let (indonesian, english) = text.split_once('|').ok_or_else(wrong)?;
    let label = |text: &str| {
        let text = text.trim();
        let fits = (1..=LABEL_CHARS_MAX).contains(&text.chars().count());
        (fits && !text.contains(['|', '<', '>'])).then(|| text.to_owned())
    };
    label(indonesian).zip(label(english)).ok_or_else(wrong)
}

fn row(line: &str, step: Arc<str>) -> Result<Row, Wrong> {
    let (methods, route) = line
        .split_once(char::is_whitespace)
        .ok_or_else(|| (format!("{line:?} is no request"), REQUEST))?;
    let known = |method: &str| METHODS.contains(&method).then(|| method.to_owned());
    let methods = match methods {
        "*" => Some(Vec::new()),
        methods => methods.split(',').map(known).collect(),
    };
    let methods = methods.ok_or_else(|| (format!("{line:?} has unknown methods"), METHOD))?;
    let route = route.trim();
    let path = route.strip_prefix('/').ok_or_else(|| (format!("{route:?} is no route"), ROUTE))?;
    let segment = |text: &str| match text {
        "**" => Some(Segment::Gap),
        text => Glob::new(text).map(Segment::One),
    };
    let segments = path.split('/').filter(|text| !text.is_empty()).map(segment);
    let segments: Option<Vec<_>> = segments.collect();
    let fits = |segments: &Vec<Segment>| {
        let gaps = segments.iter().filter(|segment| matches!(segment, Segment::Gap)).count();
        segments.len() <= SEGMENTS_MAX && gaps <= GAPS_MAX
    };
    let segments =
        segments.filter(fits).ok_or_else(|| (format!("{route:?} is no route"), ROUTE))?;
    Ok(Row { methods, segments, step })
}

impl Row {
    fn fits(&self, method: &str, route: &[&str]) -> bool {
        let of_method = self.methods.is_empty() || self.methods.iter().any(|m| m == method);
        of_method && fits(&self.segments, route)
    }
}

fn fits(segments: &[Segment], route: &[&str]) -> bool {
    let Some((first, others)) = segments.split_first() else { return route.is_empty() };
    match first {
        Segment::Gap => {
            (0..=route.len()).any(|skip| route.get(skip..).is_some_and(|rest| fits(others, rest)))
        }
        Segment::One(glob) => {
            route.split_first().is_some_and(|(one, rest)| glob.fits(one) && fits(others, rest))
        }
    }
}

static NO_STEP: LazyLock<Arc<str>> = LazyLock::new(|| "".into());

#[expect(clippy::expect_used, reason = "a constant table; a test reads it")]
static STANDARD_STEPS: LazyLock<Arc<Steps>> = LazyLock::new(|| {
    Arc::new(Steps::parse(STANDARD).expect("the table that is built in is right"))
});

#[cfg(test)]
mod tests;
