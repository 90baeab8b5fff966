//! The formats of logs: each file of `parse/` that reads one registers it here.

use jiff::tz::TimeZone;

use crate::parse::{
    Parser,
    http::{access, apache_error, modsecurity, nginx_error},
    journal, json_lines, log4j, pgbouncer, plain, play, postgres, syslog, tomcat,
};

/// One format, as the file that reads it registers it.
#[derive(Debug)]
pub struct Format {
    /// Its name in settings and on the command line.
    pub name: &'static str,
    /// Who writes such a log; one line for people.
    pub about: &'static str,
    /// What is known of it besides its name.
    pub layout: Option<LayoutKind>,
    /// Says what is wrong with a text that is no layout of it.
    pub check_layout: Option<CheckLayout>,
    /// Whether it is the log of a database cluster: its queries are named by the cluster's key.
    pub of_cluster: bool,
    /// Whether the entries of a piece of the file that begins at an entry are the same as in the whole
    /// file: such a log is read in pieces side by side.
    pub in_pieces: bool,
    /// How little else is written like it, 0 to 100: among formats that understand the same lines, detection
    /// (`detect`) takes the one that says more. 0: any text at all; 40: an envelope that many programs use;
    /// 60: one kind of envelope; 80: one program's own layout; 95: that program within an envelope.
    pub specificity: u8,
    /// Its reader.
    pub open: fn(&Layout) -> Box<dyn Parser>,
}

/// Says what is wrong with a layout.
pub type CheckLayout = fn(&str) -> Result<(), String>;

/// What a layout is called where it is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayoutKind {
    /// `log_line_prefix` of PostgreSQL.
    Prefix,
    /// Pattern of log4j, logback, nginx or Apache.
    Pattern,
}

/// How a log of some format is written in particular.
#[derive(Clone, Debug)]
pub struct Layout {
    /// Its prefix or pattern, where it is known.
    pub text: Option<String>,
    /// Zone of times that carry none.
    pub zone: TimeZone,
}

/// All formats, the most particular first, the fallback last.
pub const FORMATS: &[&Format] = &[
    &postgres::json::FORMAT,
    &postgres::csv::FORMAT,
    &postgres::syslog::FORMAT,
    &pgbouncer::FORMAT,
    &postgres::stderr::FORMAT,
    &nginx_error::FORMAT,
    &apache_error::FORMAT,
    &modsecurity::FORMAT,
    &access::FORMAT,
    &play::FORMAT,
    &tomcat::FORMAT,
    &log4j::FORMAT,
    &journal::FORMAT,
    &syslog::FORMAT,
    &json_lines::FORMAT,
    &plain::FORMAT,
];

impl Format {
    /// Says what is wrong with a layout that was typed for it.
    pub fn check(&self, layout: &str) -> Result<(), String> {
        self.check_layout.map_or(Ok(()), |check| check(layout))
    }

    /// The format of a name.
    pub fn named(name: &str) -> Option<&'static Format> {
        FORMATS.iter().copied().find(|format| format.name == name)
    }
}

impl PartialEq for Format {
    fn eq(&self, other: &Format) -> bool {
        self.name == other.name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layout_that_is_none_is_refused_with_the_reason() {
        for (format, layout, why) in [
            ("access", "$remote_addr $request_time", Some("lacks")),
            ("access", "%h %l %u %t \"%r\" %>s %b", None),
            ("log4j", "%d %p", Some("no message")),
            ("log4j", "%d %-5p [%t] %c - %m%n", None),
            ("postgres-stderr", "%m [%p] ", None),
        ] {
            let checked = Format::named(format).unwrap().check(layout);
            match why {
                Some(why) => assert!(checked.unwrap_err().contains(why), "{layout}"),
                None => assert_eq!(checked, Ok(()), "{layout}"),
            }
        }
    }

    #[test]
    fn every_format_is_found_by_its_name_and_names_differ() {
        for format in FORMATS {
            assert_eq!(Format::named(format.name), Some(*format));
        }
    }
}
