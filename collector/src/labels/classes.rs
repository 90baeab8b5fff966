//! Classes of errors, as people read them. A class that is not in the table is shown as it is: a newer
//! agent may know more.

use super::Labels;

/// The class in words.
pub fn text<'a>(class: &'a str, l: &Labels) -> &'a str {
    l.classes.iter().find(|(known, _)| *known == class).map_or(class, |(_, text)| text)
}
