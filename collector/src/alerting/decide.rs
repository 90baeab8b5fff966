//! The decision: from what is remembered and what is seen now to what is remembered next and what is
//! told. Pure; nothing here reads a clock or a store.
//!
//! Each threshold has a latch. Off, it goes on when the figure has been at or above the threshold for
//! the hold time; on, it goes off when the figure has been at least the hysteresis below it for the hold
//! time. The alert's level is the highest latch that is on. So a figure that swings around a threshold
//! raises one alert, and one that falls just below it does not end it.
//!
//! A hold counts only time in which this run of the collector has seen the condition without a break:
//! what is not known (a silent agent, the collector off) ends a running hold and changes nothing else.

use crate::domain::alert::{AlertState, Latch, Level, Reason, Transition};

/// The present, and since when this collector has been looking without a break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// UTC milliseconds.
    pub now_ms: i64,
    /// First tick of the present unbroken run of ticks.
    pub watching_since_ms: i64,
}

/// When a figure crosses, and how long that has to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Threshold of a warning, in the rule's unit; `None` when the rule knows no warning.
    pub warning: Option<i64>,
    /// Threshold of a critical alert.
    pub critical: Option<i64>,
    /// So far below its threshold a figure has to be before the alert ends.
    pub hysteresis: i64,
    /// How long a figure has to be at or above its threshold.
    pub open_hold_ms: i64,
    /// How long it has to be below.
    pub clear_hold_ms: i64,
}

impl Bounds {
    /// The threshold that a transition crossed: of an alert that worsens that of its new level, of one
    /// that eases the critical one, of one that ends the lowest there is.
    pub fn crossed(&self, transition: Transition, level: Level) -> i64 {
        let (warning, critical) = (self.warning, self.critical);
        let threshold = match (transition, level) {
            (Transition::Eased, _) => critical,
            (Transition::Resolved, _) | (_, Level::Warning) => warning.or(critical),
            (_, Level::Critical) => critical,
        };
        threshold.unwrap_or_default()
    }
}

/// What is seen of one key now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// A figure to compare with the thresholds.
    Figure(i64),
    /// A state that is bad by itself, and how long it has lasted, in seconds.
    Bad {
        /// By what is known now; only for the text.
        lasting_s: i64,
    },
    /// That state is good.
    Good,
    /// Nothing is known now.
    Unknown,
    /// What was watched is not there any more; carries the reason.
    Gone(Reason),
}

impl Reading {
    /// The figure that is told with a transition.
    pub fn value(self) -> Option<i64> {
        match self {
            Reading::Figure(value) => Some(value),
            Reading::Bad { lasting_s } => Some(lasting_s),
            Reading::Good => Some(0),
            Reading::Unknown | Reading::Gone(_) => None,
        }
    }
}

/// What comes of one look at one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// To be remembered; `None` when calm.
    pub next: Option<AlertState>,
    /// To be told.
    pub turn: Option<Turn>,
    /// Why.
    pub reason: Reason,
}

/// A transition and the alert it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// What changed.
    pub transition: Transition,
    /// Level after it; of a resolved alert, the level it had.
    pub level: Level,
    /// When the alert began.
    pub opened_ms: i64,
    /// Counts the transitions of the alert from 1.
    pub number: i64,
}

/// Decides for one key.
pub fn decide(
    previous: Option<&AlertState>,
    reading: Reading,
    bounds: &Bounds,
    moment: Moment,
) -> Decision {
    let before = previous.copied().unwrap_or_default();
    let mut after = AlertState {
        warning: step(before.warning, wish(reading, bounds.warning, bounds), bounds, moment),
        critical: step(before.critical, wish(reading, bounds.critical, bounds), bounds, moment),
        ..before
    };
    let transition = transition(before.level(), after.level());
    if transition.is_some() {
        after.transitions += 1;
        if before.level().is_none() {
            after.opened_ms = moment.now_ms;
        }
    }
    let calm = after.level().is_none() && !is_holding(&after);
    Decision {
        next: (!calm).then(|| remembered(after)),
        turn: transition.map(|(transition, level)| Turn {
            transition,
            level,
            opened_ms: after.opened_ms,
            number: after.transitions,
        }),
        reason: reason(reading, transition, &after),
    }
}

/// What a figure asks of a latch.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wish {
    On,
    Off,
    Stay,
}

fn wish(reading: Reading, threshold: Option<i64>, bounds: &Bounds) -> Wish {
    let Some(threshold) = threshold else { return Wish::Off };
    match reading {
        Reading::Figure(value) if value >= threshold => Wish::On,
        // A hysteresis wider than the threshold would leave no figure that ends the alert.
        Reading::Figure(value) if value <= (threshold - bounds.hysteresis).max(0) => Wish::Off,
        Reading::Figure(_) | Reading::Unknown => Wish::Stay,
        Reading::Bad { .. } => Wish::On,
        Reading::Good | Reading::Gone(_) => Wish::Off,
    }
}

fn step(latch: Latch, wish: Wish, bounds: &Bounds, moment: Moment) -> Latch {
    let hold_ms = match (latch.on, wish) {
        (false, Wish::On) => bounds.open_hold_ms,
        (true, Wish::Off) => bounds.clear_hold_ms,
        _ => return Latch { on: latch.on, since_ms: None },
    };
    let since_ms =
        latch.since_ms.unwrap_or(moment.now_ms).max(moment.watching_since_ms).min(moment.now_ms);
    if moment.now_ms - since_ms >= hold_ms {
        Latch { on: !latch.on, since_ms: None }
    } else {
        Latch { on: latch.on, since_ms: Some(since_ms) }
    }
}

fn transition(before: Option<Level>, after: Option<Level>) -> Option<(Transition, Level)> {
    match (before, after) {
        (None, Some(level)) => Some((Transition::Opened, level)),
        (Some(level), None) => Some((Transition::Resolved, level)),
        (Some(old), Some(new)) if new > old => Some((Transition::Escalated, new)),
        (Some(old), Some(new)) if new < old => Some((Transition::Eased, new)),
        _ => None,
    }
}

fn is_holding(state: &AlertState) -> bool {
    state.warning.since_ms.is_some() || state.critical.since_ms.is_some()
}

/// An alert that ended takes its number with it: the next one begins anew.
fn remembered(state: AlertState) -> AlertState {
    match state.level() {
        Some(_) => state,
        None => AlertState { opened_ms: 0, transitions: 0, ..state },
    }
}

fn reason(reading: Reading, transition: Option<(Transition, Level)>, after: &AlertState) -> Reason {
    match (transition, reading) {
        (Some((Transition::Opened | Transition::Escalated, _)), _) => Reason::Reached,
        (Some(_), Reading::Gone(reason)) => reason,
        (Some(_), _) => Reason::Cleared,
        (None, Reading::Unknown) => Reason::Unknown,
        (None, _) if is_holding(after) => Reason::Holding,
        (None, _) if after.level().is_some() => Reason::Steady,
        (None, _) => Reason::Calm,
    }
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
