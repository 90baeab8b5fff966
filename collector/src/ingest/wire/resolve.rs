//! Second step of reading a batch: ids become what they stand for.

use std::collections::HashMap;

use super::{
    lost, raw,
    raw::Raw,
    values::{self, Values},
};
use crate::domain::{
    availability::Observation,
    batch::{
        BatchContent, DatabaseSample, ErrorGroup, Exemplar, Gap, HostSample, LineFates, Minute,
        QueryGroup, QuerySketch, SourcePosition,
    },
    definition::{Definition, LogFile, LogPosition, Named, Names},
    period::Period,
};

/// Minutes that a sketch stands for.
const SKETCH_MINUTES: u32 = 15;
/// Sources of gaps for what is lost with a layout, as the agent's settings name them.
const HOST: &str = "host";
const DATABASE: &str = "database";
const CHECK: &str = "check";

/// What the batch says. The error says which id is unknown or stands for something else.
pub fn content(raw: Raw, names: &Names) -> Result<BatchContent, String> {
    let mut resolver =
        Resolver { names, groups: Places::default(), queries: Places::default(), gaps: raw.gaps };
    let minutes = raw.minutes.into_iter().map(|minute| resolver.minute(minute));
    let minutes = minutes.collect::<Result<_, _>>()?;
    let sketches = raw.sketches.into_iter().map(|sketch| resolver.sketch(sketch));
    let sketches = sketches.collect::<Result<_, _>>()?;
    let exemplars = raw.exemplars.into_iter().map(|exemplar| resolver.exemplar(exemplar));
    let exemplars = exemplars.collect::<Result<_, _>>()?;
    let mut observations = Vec::with_capacity(raw.observations.len());
    for (id, period) in raw.observations {
        observations.extend(resolver.observation(id, period)?);
    }
    let fates = raw.fates.into_iter().map(|(id, fates)| resolver.fates(id, fates));
    let fates = fates.collect::<Result<_, _>>()?;
    let redactions = raw.redactions.into_iter();
    let redactions = redactions.map(|(id, count)| Ok::<_, String>((resolver.name(id)?, count)));
    let redactions = redactions.collect::<Result<_, _>>()?;
    let mut positions = Vec::with_capacity(raw.positions.len());
    for position in raw.positions {
        positions.extend(resolver.position(position)?);
    }
    Ok(BatchContent {
        minutes,
        sketches,
        exemplars,
        positions,
        observations,
        fates,
        redactions,
        database_facts: raw.database_facts,
        groups: resolver.groups.list,
        queries: resolver.queries.list,
        gaps: resolver.gaps,
    })
}

/// A position with all that its definition says.
pub fn source_position(log: &LogFile, position: LogPosition) -> SourcePosition {
    SourcePosition {
        source: log.source.clone(),
        path: log.path.clone(),
        device: log.device,
        inode: log.inode,
        head_hash: log.head_hash,
        head_bytes: log.head_bytes,
        generation: log.generation,
        offset: position.offset,
        tail_hash: position.tail_hash,
        last_event_ms: position.last_event_ms,
    }
}

/// Places in a list of what was named so far.
struct Places<T> {
    list: Vec<T>,
    by_id: HashMap<u32, usize>,
}

impl<T> Default for Places<T> {
    fn default() -> Places<T> {
        Places { list: Vec::new(), by_id: HashMap::new() }
    }
}

impl<T> Places<T> {
    fn of(&mut self, id: u32, named: impl FnOnce() -> Result<T, String>) -> Result<usize, String> {
        if let Some(place) = self.by_id.get(&id) {
            return Ok(*place);
        }
        self.list.push(named()?);
        let place = self.list.len() - 1;
        self.by_id.insert(id, place);
        Ok(place)
    }
}

struct Resolver<'a> {
    names: &'a Names,
    groups: Places<ErrorGroup>,
    queries: Places<QueryGroup>,
    gaps: Vec<Gap>,
}

impl Resolver<'_> {
    fn minute(&mut self, raw: raw::Minute) -> Result<Minute, String> {
        let mut minute = Minute { minute: raw.minute, ..Minute::default() };
        for (id, count) in raw.errors {
            minute.errors.push((self.group(id)?, count));
        }
        for (id, count) in raw.queries {
            minute.queries.push((self.query(id)?, count));
        }
        if let Some(values) = raw.host {
            minute.host = self.host(raw.minute, &values)?;
        }
        for values in raw.databases {
            minute.databases.extend(self.database(raw.minute, &values)?);
        }
        Ok(minute)
    }

    fn group(&mut self, id: u32) -> Result<usize, String> {
        let names = self.names;
        self.groups.of(id, || match named(names, id)? {
            Named::As(Definition::Error(group)) => Ok(group.clone()),
            Named::Lost => Ok(lost::error()),
            Named::As(_) => Err(another_kind(id, "an error")),
        })
    }

    fn query(&mut self, id: u32) -> Result<usize, String> {
        let names = self.names;
        self.queries.of(id, || match named(names, id)? {
            Named::As(Definition::Query(query)) => Ok(query.clone()),
            Named::Lost => Ok(lost::query()),
            Named::As(_) => Err(another_kind(id, "a query")),
        })
    }

    fn host(&mut self, minute: i64, values: &Values) -> Result<Option<HostSample>, String> {
        match named(self.names, values.layout)? {
            Named::As(Definition::Host(layout)) => values::host(layout, &values.values).map(Some),
            Named::Lost => Ok(self.lose(HOST, minute_of(minute))),
            Named::As(_) => Err(another_kind(values.layout, "a host")),
        }
    }

    fn database(&mut self, minute: i64, values: &Values) -> Result<Option<DatabaseSample>, String> {
        match named(self.names, values.layout)? {
            Named::As(Definition::Database(layout)) => {
                values::database(layout, &values.values).map(Some)
            }
            Named::Lost => Ok(self.lose(DATABASE, minute_of(minute))),
            Named::As(_) => Err(another_kind(values.layout, "a database")),
        }
    }

    fn sketch(&mut self, raw: raw::Sketch) -> Result<QuerySketch, String> {
        Ok(QuerySketch {
            query: self.query(raw.query)?,
            first_minute: raw.first_minute,
            minutes: SKETCH_MINUTES,
            sketch: raw.sketch,
        })
    }

    fn exemplar(&mut self, raw: raw::Exemplar) -> Result<Exemplar, String> {
        let group = self.group(raw.group)?;
        Ok(Exemplar { group, at_ms: raw.at_ms, text: raw.text, error_ids: raw.error_ids })
    }

    /// `None` also for a target that is not known here.
    fn observation(&mut self, id: u32, period: Period) -> Result<Option<Observation>, String> {
        match named(self.names, id)? {
            Named::As(Definition::Watched(watched)) => {
                Ok(watched.target.map(|target| Observation {
                    target,
                    state: watched.state,
                    period,
                    reason: watched.reason.clone(),
                    subject: watched.subject.clone(),
                }))
            }
            Named::Lost => Ok(self.lose(CHECK, period)),
            Named::As(_) => Err(another_kind(id, "something watched")),
        }
    }

    fn fates(&self, id: u32, fates: LineFates) -> Result<LineFates, String> {
        Ok(LineFates { source: self.name(id)?, ..fates })
    }

    fn name(&self, id: u32) -> Result<String, String> {
        match named(self.names, id)? {
            Named::As(Definition::Name(name)) => Ok(name.clone()),
            Named::Lost => Ok(lost::NAME.to_owned()),
            Named::As(_) => Err(another_kind(id, "a name")),
        }
    }

    /// `None` for a log whose definition is lost: nobody could find the file by it.
    fn position(&self, raw: LogPosition) -> Result<Option<SourcePosition>, String> {
        match named(self.names, raw.log)? {
            Named::As(Definition::Log(log)) => Ok(Some(source_position(log, raw))),
            Named::Lost => Ok(None),
            Named::As(_) => Err(another_kind(raw.log, "a log")),
        }
    }

    /// Declares what cannot be read without its definition.
    fn lose<T>(&mut self, source: &str, period: Period) -> Option<T> {
        self.gaps.push(lost::gap(source, period.from_ms, period.to_ms, 1));
        None
    }
}

fn named(names: &Names, id: u32) -> Result<&Named, String> {
    names.get(&id).ok_or_else(|| format!("it mentions id {id}, which is not defined"))
}

fn another_kind(id: u32, kind: &str) -> String {
    format!("it mentions id {id} as {kind}, which it is not")
}

fn minute_of(minute: i64) -> Period {
    let from_ms = minute.saturating_mul(60_000);
    Period { from_ms, to_ms: from_ms.saturating_add(60_000) }
}
