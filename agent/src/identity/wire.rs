//! The door to the Enrolment service: the only file here that imports generated code.

use std::time::Duration;

use anyhow::{Context, anyhow};
use pantau_proto::v1::{self, enrol_answer, enrolment_client::EnrolmentClient};
use tokio::time::timeout;
use tonic::transport::Channel;

use crate::ship::printable;

/// The collector writes to its store before it answers.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// An answer holds two certificates of a kilobyte.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// A certificate and what it says.
pub(super) struct Issued {
    pub(super) certificate: Vec<u8>,
    pub(super) ca: Vec<u8>,
    pub(super) site_id: String,
    pub(super) agent_id: String,
    pub(super) not_before_ms: i64,
    pub(super) not_after_ms: i64,
}

/// Meanings as in the `.proto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    TokenUnknown,
    TokenExpired,
    TokenUsed,
    NotAllowed,
    BadRequest,
    Revoked,
    TooOld,
    TooMany,
    Unavailable,
    /// Of a newer contract.
    Unknown,
}

/// Nothing was issued.
pub(super) struct Refused {
    pub(super) reason: Reason,
    pub(super) detail: String,
}

pub(super) type Answer = Result<Issued, Refused>;

/// What goes with a token.
pub(super) struct Enrolment<'a> {
    pub(super) token: &'a str,
    pub(super) agent_id: &'a str,
    pub(super) csr: Vec<u8>,
    pub(super) machine_id: [u8; 16],
    pub(super) hostname: &'a str,
}

pub(super) async fn enrol(channel: Channel, enrolment: Enrolment<'_>) -> anyhow::Result<Answer> {
    let request = v1::EnrolRequest {
        token: enrolment.token.to_owned(),
        agent_id: enrolment.agent_id.to_owned(),
        csr: enrolment.csr,
        machine_id: enrolment.machine_id.to_vec(),
        hostname: enrolment.hostname.to_owned(),
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    answer(client(channel).enrol(request)).await
}

pub(super) async fn renew(
    channel: Channel,
    certificate: &[u8],
    csr: Vec<u8>,
    proof: Vec<u8>,
) -> anyhow::Result<Answer> {
    let request = v1::RenewRequest { certificate: certificate.to_vec(), csr, proof };
    answer(client(channel).renew(request)).await
}

fn client(channel: Channel) -> EnrolmentClient<Channel> {
    EnrolmentClient::new(channel).max_decoding_message_size(ANSWER_BYTES_MAX)
}

async fn answer(
    asked: impl Future<Output = Result<tonic::Response<v1::EnrolAnswer>, tonic::Status>>,
) -> anyhow::Result<Answer> {
    let answered = timeout(ANSWER_TIMEOUT, asked).await.context("the collector does not answer")?;
    let answered = answered.map_err(|status| anyhow!(printable(status.message())))?.into_inner();
    Ok(read(answered))
}

fn read(answer: v1::EnrolAnswer) -> Answer {
    let reason = match answer.refused() {
        // An unknown number reads as unspecified: only a certificate tells the two apart.
        enrol_answer::Refused::Unspecified if answer.certificate.is_empty() => Reason::Unknown,
        enrol_answer::Refused::Unspecified => {
            return Ok(Issued {
                certificate: answer.certificate,
                ca: answer.ca,
                site_id: answer.site_id,
                agent_id: answer.agent_id,
                not_before_ms: answer.not_before_ms,
                not_after_ms: answer.not_after_ms,
            });
        }
        enrol_answer::Refused::TokenUnknown => Reason::TokenUnknown,
        enrol_answer::Refused::TokenExpired => Reason::TokenExpired,
        enrol_answer::Refused::TokenUsed => Reason::TokenUsed,
        enrol_answer::Refused::NotAllowed => Reason::NotAllowed,
        enrol_answer::Refused::BadRequest => Reason::BadRequest,
        enrol_answer::Refused::Revoked => Reason::Revoked,
        enrol_answer::Refused::TooOld => Reason::TooOld,
        enrol_answer::Refused::TooMany => Reason::TooMany,
        enrol_answer::Refused::Unavailable => Reason::Unavailable,
    };
    Err(Refused { reason, detail: printable(&answer.detail) })
}

impl Refused {
    /// What was wrong and what to do.
    pub(super) fn advice(&self) -> String {
        let what = match self.reason {
            Reason::TokenUnknown => {
                "the collector does not know this token: copy all of it, and check that --collector is \
                 the one that made it"
            }
            Reason::TokenExpired => "the token has expired: ask for a new one",
            Reason::TokenUsed => {
                "the token was used before, with another key: ask for a new one (a token is good for one \
                 server)"
            }
            Reason::NotAllowed => {
                "the token is not for this name, or its site is not in the collector's settings any more: \
                 give the right --agent, or ask for a new token"
            }
            Reason::BadRequest => {
                "the collector finds the request wrong; agent and collector may be of too different \
                 versions: update both"
            }
            Reason::Revoked => {
                "this server's certificate was revoked, or replaced by a later enrolment: ask for a token \
                 and run `pantau-agent enroll --replace`"
            }
            Reason::TooOld => {
                "this server's certificate expired too long ago: ask for a token and run `pantau-agent \
                 enroll --replace`"
            }
            Reason::TooMany => "too many attempts from this address: wait some minutes",
            Reason::Unavailable => {
                "the collector cannot store now: try again later, or look at its disk and database"
            }
            Reason::Unknown => {
                "the collector refuses, in words of a newer version: update the agent"
            }
        };
        if self.detail.is_empty() { what.to_owned() } else { format!("{what} ({})", self.detail) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_says_what_to_do_and_what_the_collector_said() {
        for number in 0..=12 {
            let answer = v1::EnrolAnswer {
                refused: number,
                detail: "site\u{1b}[2J".to_owned(),
                ..Default::default()
            };
            let refused = read(answer).err().unwrap();
            let known = (1..=9).contains(&number);
            assert_eq!(refused.reason != Reason::Unknown, known, "{number}");
            let told = refused.advice();
            assert!(told.contains(':') && told.ends_with("(site[2J)"), "{told}");
        }
    }
}
