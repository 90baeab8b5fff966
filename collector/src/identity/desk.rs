//! The enrolment desk: reads what is known, lets `decide` decide, signs, keeps, and writes into the audit
//! log.

use std::{collections::HashSet, net::IpAddr, sync::Arc};

use pantau_proto::{limits, token};
use tracing::{info, warn};

use super::{
    Authority,
    authority::Signed,
    certificate::{self, Presented, PublicPoint},
    decide::{Applicant, NotAllowed, Refused, Verdict, decide_enrolment, decide_renewal},
    tokens::secret_hash,
};
use crate::{
    domain::{
        AgentId, SiteId,
        identity::{Certificate, TokenId},
    },
    store::{
        Issue, Store, StoreError,
        audit::{Action, AuditEntry},
    },
};

/// How long certificates last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Life of an agent's certificate.
    pub certificate_days: i64,
    /// For how long after its end it still buys the next one.
    pub grace_days: i64,
}

/// A request with a token.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct EnrolRequest {
    pub token: String,
    pub agent: String,
    pub csr: Vec<u8>,
    pub machine_id: Option<[u8; 16]>,
}

/// A request with a certificate.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct RenewRequest {
    pub certificate: Vec<u8>,
    pub csr: Vec<u8>,
    pub proof: Vec<u8>,
}

/// A certificate, and the authority that signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    /// The agent's.
    pub certificate: Certificate,
    /// The authority's, DER.
    pub ca: Vec<u8>,
}

/// Why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// For the program.
    pub why: Refused,
    /// For a person: what was wrong and what to do.
    pub detail: String,
}

/// The enrolment desk of this collector.
pub struct Desk {
    store: Store,
    authority: Arc<Authority>,
    sites: HashSet<SiteId>,
    terms: Terms,
    clock: fn() -> i64,
}

impl Desk {
    /// A desk for these sites; `clock` gives UTC milliseconds.
    pub fn new(
        store: Store,
        authority: Arc<Authority>,
        sites: HashSet<SiteId>,
        terms: Terms,
        clock: fn() -> i64,
    ) -> Desk {
        Desk { store, authority, sites, terms, clock }
    }

    /// Exchanges a token for a certificate.
    pub async fn enrol(&self, request: EnrolRequest, peer: IpAddr) -> Result<Granted, Denied> {
        let (site, answer) = self.try_enrol(&request).await;
        let agent = text_of_id(&request.agent);
        let action = if answer.is_ok() { Action::AgentEnrolled } else { Action::EnrolmentRefused };
        match &answer {
            Ok(_) => info!(%site, agent, %peer, "enrolled"),
            Err(denied) => warn!(%site, agent, %peer, "not enrolled: {}", denied.detail),
        }
        // Callers without a token that is known are in the log alone: anybody can make those up.
        if !site.is_empty() {
            self.note(action, &format!("{site}/{agent}"), peer).await;
        }
        answer
    }

    /// The site of the token, empty when there is no such token, and the answer.
    async fn try_enrol(&self, request: &EnrolRequest) -> (String, Result<Granted, Denied>) {
        let (came, point) = match read_enrolment(request) {
            Ok(read) => read,
            Err(denied) => return (String::new(), Err(denied)),
        };
        let known = match self.store.token(TokenId(came.id)).await {
            Ok(known) => known,
            Err(error) => return (String::new(), Err(unavailable(&error))),
        };
        let agent = AgentId(request.agent.clone());
        let applicant = Applicant {
            secret_hash: secret_hash(&came.secret),
            agent: &agent,
            key_hash: point.hash(),
            machine_id: request.machine_id,
        };
        let site = known.as_ref().map_or(SiteId(String::new()), |token| token.site.clone());
        let mine = match self.store.certificates(&site, &agent).await {
            Ok(mine) => mine,
            Err(error) => return (site.0, Err(unavailable(&error))),
        };
        let now_ms = (self.clock)();
        let verdict = decide_enrolment(known.as_ref(), &applicant, &mine, &self.sites, now_ms);
        let holder = Holder {
            site: &site,
            agent: &agent,
            point: &point,
            machine_id: request.machine_id,
            token: Some(TokenId(came.id)),
        };
        let told = if verdict == Verdict::Refuse(Refused::TokenUnknown) { "" } else { &site.0 };
        (told.to_owned(), self.act(verdict, &holder, &mine, now_ms).await)
    }

    /// Exchanges a certificate for the next one.
    pub async fn renew(&self, request: RenewRequest, peer: IpAddr) -> Result<Granted, Denied> {
        let (presented, point) = self.read_renewal(&request)?;
        let (site, agent) = (presented.site.clone(), presented.agent.clone());
        let mine = self.store.certificates(&site, &agent).await.map_err(|e| unavailable(&e))?;
        let now_ms = (self.clock)();
        let grace_days = self.terms.grace_days;
        let verdict =
            decide_renewal(&presented, &point.hash(), &mine, &self.sites, grace_days, now_ms);
        let machine_id = mine
            .iter()
            .find(|kept| kept.serial == presented.serial)
            .and_then(|kept| kept.machine_id);
        let holder = Holder { site: &site, agent: &agent, point: &point, machine_id, token: None };
        let answer = self.act(verdict, &holder, &mine, now_ms).await;
        let action = if answer.is_ok() { Action::AgentRenewed } else { Action::EnrolmentRefused };
        match &answer {
            Ok(_) => info!(%site, %agent, %peer, "certificate renewed"),
            Err(denied) => warn!(%site, %agent, %peer, "not renewed: {}", denied.detail),
        }
        self.note(action, &format!("{site}/{agent}"), peer).await;
        answer
    }

    /// Notes that an agent came with this certificate, which TLS has checked.
    pub async fn seen(&self, presented: &Presented) {
        let seen = self.store.certificate_seen(&presented.to_kept(), (self.clock)()).await;
        if let Err(error) = seen {
            warn!(site = %presented.site, agent = %presented.agent, "not noted as seen: {error}");
        }
    }

    fn read_renewal(&self, request: &RenewRequest) -> Result<(Presented, PublicPoint), Denied> {
        let presented = Presented::read(&request.certificate)
            .map_err(|why| bad_request(&format!("certificate: {why}")))?;
        if !self.authority.signed(&presented) {
            return Err(bad_request(
                "certificate: another collector's CA signed it; enrol this server here with a token",
            ));
        }
        if !presented.point.verifies(&request.csr, &request.proof) {
            return Err(bad_request("proof: the key of the certificate did not sign the request"));
        }
        let point = certificate::read_request(&request.csr)
            .map_err(|why| bad_request(&format!("csr: {why}")))?;
        Ok((presented, point))
    }

    async fn act(
        &self,
        verdict: Verdict,
        holder: &Holder<'_>,
        known: &[Certificate],
        now_ms: i64,
    ) -> Result<Granted, Denied> {
        let ca = self.authority.certificate().to_vec();
        match verdict {
            Verdict::Refuse(why) => Err(denied(why, holder)),
            Verdict::Same(serial) => known
                .iter()
                .find(|kept| kept.serial == serial)
                .map(|kept| Granted { certificate: kept.clone(), ca })
                .ok_or_else(|| denied(Refused::Unavailable, holder)),
            Verdict::Issue { supersedes } => {
                let certificate = self.sign(holder, now_ms)?;
                let issue =
                    Issue { certificate: certificate.clone(), token: holder.token, supersedes };
                match self.store.issue(&issue, now_ms).await {
                    Ok(true) => Ok(Granted { certificate, ca }),
                    // Used in the same moment: asked again, the loser is told which way it went.
                    Ok(false) => Err(denied(Refused::TokenUsed, holder)),
                    Err(error) => Err(unavailable(&error)),
                }
            }
        }
    }

    fn sign(&self, holder: &Holder<'_>, now_ms: i64) -> Result<Certificate, Denied> {
        let days = self.terms.certificate_days;
        let Signed { serial, der, not_before_ms, not_after_ms } = self
            .authority
            .sign_agent(holder.point, holder.site, holder.agent, days, now_ms)
            .map_err(|error| {
                warn!("cannot sign a certificate: {error:#}");
                denied(Refused::Unavailable, holder)
            })?;
        Ok(Certificate {
            serial,
            site: holder.site.clone(),
            agent: holder.agent.clone(),
            der,
            key_hash: holder.point.hash(),
            machine_id: holder.machine_id,
            issued_ms: now_ms,
            not_before_ms,
            not_after_ms,
            seen_ms: None,
            revoked: None,
        })
    }

    async fn note(&self, action: Action, subject: &str, peer: IpAddr) {
        let entry = AuditEntry::new((self.clock)(), "", action, subject, &peer.to_string());
        if let Err(error) = self.store.audit(&entry).await {
            warn!(subject, "not in the audit log: {error}");
        }
    }
}

/// For whom a certificate is.
struct Holder<'a> {
    site: &'a SiteId,
    agent: &'a AgentId,
    point: &'a PublicPoint,
    machine_id: Option<[u8; 16]>,
    token: Option<TokenId>,
}

fn read_enrolment(request: &EnrolRequest) -> Result<(token::Token, PublicPoint), Denied> {
    let came = token::Token::parse(&request.token).map_err(|why| bad_request(&why.to_string()))?;
    if !limits::is_id(&request.agent) {
        return Err(bad_request("agent_id: 1 to 64 characters of a-z, 0-9 and - are allowed"));
    }
    let point = certificate::read_request(&request.csr)
        .map_err(|why| bad_request(&format!("csr: {why}")))?;
    Ok((came, point))
}

/// A name from outside as it may stand in the log.
fn text_of_id(id: &str) -> &str {
    if limits::is_id(id) { id } else { "?" }
}

fn bad_request(detail: &str) -> Denied {
    Denied { why: Refused::BadRequest, detail: detail.to_owned() }
}

fn unavailable(error: &StoreError) -> Denied {
    warn!("enrolment: {error}");
    let detail = "the collector cannot store now; its log says why. Try again later";
    Denied { why: Refused::Unavailable, detail: detail.to_owned() }
}

fn denied(why: Refused, holder: &Holder<'_>) -> Denied {
    let (site, agent) = (holder.site, holder.agent);
    let anew = format!("make one: pantau-collector token create --site {site} --agent {agent}");
    let detail = match why {
        Refused::TokenUnknown => "there is no such token; copy all of it, or make a new one: \
             pantau-collector token create"
            .to_owned(),
        Refused::TokenExpired => format!("the token has expired or was withdrawn; {anew}"),
        Refused::TokenUsed => format!("the token was used before, with another key; {anew}"),
        Refused::NotAllowed(NotAllowed::OtherAgent) => {
            format!("the token is for another agent than \"{agent}\"; correct the name, or {anew}")
        }
        Refused::NotAllowed(NotAllowed::SiteGone) => {
            format!("site \"{site}\" is not in the collector's settings; add [[site]] there")
        }
        Refused::NotAllowed(NotAllowed::NameTaken) => format!(
            "another machine is agent \"{agent}\" of site \"{site}\"; choose another name, or, when this \
             one replaces it, use a token that names it; {anew}"
        ),
        Refused::Revoked => format!(
            "the certificate was revoked or replaced by a newer one; the server needs a token; {anew}"
        ),
        Refused::TooOld => {
            format!("the certificate expired too long ago; the server needs a token; {anew}")
        }
        Refused::BadRequest => "the request breaks the contract".to_owned(),
        Refused::TooMany => "too many attempts from this address; try again in a minute".to_owned(),
        Refused::Unavailable => "the collector cannot do it now; try again later".to_owned(),
    };
    Denied { why, detail }
}
