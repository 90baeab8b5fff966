//! The entry that is being read, of formats whose entries are failures of programs or of no interest.

use super::{ApplicationFailure, CONTINUATION, Extent, Line, Out, Said, clean, estimate, keep};
use crate::entry::{EventTime, Severity};

/// Holds one entry until a line shows that it is complete.
#[derive(Debug, Default)]
pub(super) struct Held {
    open: Option<(Extent, Body)>,
    /// Time and level of the open entry. Not redacted: holds nothing that was not recognised.
    head: Vec<u8>,
    /// Its message and what follows.
    block: Vec<u8>,
    kept: usize,
    neighbour: Option<EventTime>,
}

/// What the open entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// Its texts are in the buffers.
    Failure(Severity),
    /// Of no interest, by the named rule.
    Ignored(&'static str),
    Unparsed,
}

impl Held {
    /// Closes the open entry and begins another, whose texts are told by [`Held::head`] and
    /// [`Held::text`].
    pub(super) fn begin(
        &mut self,
        line: Line<'_>,
        at: Option<EventTime>,
        body: Body,
        out: &mut Out<'_>,
    ) {
        self.close(out);
        let at = (body != Body::Unparsed).then(|| {
            let at = at.unwrap_or_else(|| estimate(self.neighbour, line.now_ms));
            *self.neighbour.insert(at)
        });
        self.open = Some((Extent::new(line.end, at), body));
    }

    /// Appends to the head of the open entry.
    pub(super) fn head(&mut self, bytes: &[u8]) {
        self.head.extend_from_slice(bytes);
    }

    /// Appends to the text of the open entry.
    pub(super) fn text(&mut self, bytes: &[u8]) {
        keep(&mut self.block, &mut self.kept, bytes);
    }

    /// A line that belongs to whatever stands before it.
    pub(super) fn further(&mut self, bytes: &[u8], end: u64, out: &mut Out<'_>) {
        if let Some((extent, body)) = &mut self.open
            && extent.grow(end)
        {
            if let Body::Failure(_) = body {
                keep(&mut self.block, &mut self.kept, b"\n");
                keep(&mut self.block, &mut self.kept, bytes);
            }
            return;
        }
        self.close(out);
        self.open = Some((Extent::new(end, None), Body::Ignored(CONTINUATION)));
    }

    /// Tells the open entry.
    pub(super) fn close(&mut self, out: &mut Out<'_>) {
        let Some((extent, body)) = self.open.take() else { return };
        out(extent.parsed(match body {
            Body::Failure(severity) => Said::Application(ApplicationFailure {
                severity,
                head: clean(&self.head),
                block: clean(&self.block),
                error_ids: Vec::new(),
            }),
            Body::Ignored(rule) => Said::Ignored(rule),
            Body::Unparsed => Said::Unparsed,
        }));
        self.head.clear();
        self.block.clear();
        self.kept = 0;
    }
}
