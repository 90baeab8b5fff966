//! The door to the contract: domain types to protobuf and back. Nothing else imports generated code.
//!
//! [`content`] makes a batch of a closed window, [`condense`] one of many, [`live`] the state of the
//! moment; [`messages`] is what both sides say to each other.

mod bundle;
mod coding;
mod columns;
mod condense;
mod content;
mod definition;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod live;
mod messages;
mod values;

use pantau_proto::v1;

pub use bundle::Bundle;
pub use condense::condense;
pub use content::encode;
pub use definition::queries;
pub use messages::Greeting;
pub(super) use messages::{
    Answer, RefusalReason, Refused, answer, batch, definitions, heartbeat, hello,
};

use crate::domain::{State, Target};

pub(super) type Client = v1::ingest_client::IngestClient<tonic::transport::Channel>;
pub(super) type Outgoing = v1::AgentMessage;
pub(super) type Incoming = v1::CollectorMessage;

/// Longest text of a collector that is shown.
const PRINTED_CHARS_MAX: usize = 500;

/// What a collector said goes to terminals and logs: nothing in it may steer one, or fill it.
pub(crate) fn printable(said: &str) -> String {
    said.chars().filter(|char| !char.is_control()).take(PRINTED_CHARS_MAX).collect()
}

fn target(target: Target) -> v1::Target {
    match target {
        Target::Application => v1::Target::Application,
        Target::Database => v1::Target::Database,
        Target::Server => v1::Target::Server,
    }
}

fn state(state: State) -> v1::State {
    match state {
        State::Up => v1::State::Up,
        State::Down => v1::State::Down,
        State::Degraded => v1::State::Degraded,
    }
}

#[cfg(test)]
#[path = "wire/day_tests.rs"]
mod day_tests;
