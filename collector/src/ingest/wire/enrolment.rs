//! The enrolment service: conversions, and the limit of attempts before anything is looked at.

use std::{sync::Arc, time::Instant};

use pantau_proto::v1::{
    EnrolAnswer, EnrolRequest, RenewRequest,
    enrol_answer::Refused as Wire,
    enrolment_server::{Enrolment, EnrolmentServer},
};
use tonic::{Request, Response, Status};

use crate::{
    identity::{self, Denied, Desk, Granted, decide::Refused},
    ingest::{admission::Origin, attempts::Attempts, link::Caller},
};

/// One message: a request holds a certificate, a request for the next one and a signature.
const MESSAGE_BYTES_MAX: usize = 16 * 1024;

/// The desk as tonic wants it.
pub struct Service {
    desk: Arc<Desk>,
    attempts: Attempts,
}

/// The service over `desk`.
pub fn serve(desk: Arc<Desk>) -> EnrolmentServer<Service> {
    EnrolmentServer::new(Service { desk, attempts: Attempts::default() })
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX)
}

#[tonic::async_trait]
impl Enrolment for Service {
    async fn enrol(&self, request: Request<EnrolRequest>) -> Result<Response<EnrolAnswer>, Status> {
        let caller = caller(&request)?;
        let _call = caller.call();
        if let Err(denied) = self.admit(&caller) {
            return Ok(Response::new(answer(Err(denied))));
        }
        let wire = request.into_inner();
        let asked = identity::EnrolRequest {
            token: wire.token,
            agent: wire.agent_id,
            csr: wire.csr,
            machine_id: machine(&wire.machine_id),
        };
        Ok(Response::new(answer(self.desk.enrol(asked, caller.peer).await)))
    }

    async fn renew(&self, request: Request<RenewRequest>) -> Result<Response<EnrolAnswer>, Status> {
        let caller = caller(&request)?;
        let _call = caller.call();
        if let Err(denied) = self.admit(&caller) {
            return Ok(Response::new(answer(Err(denied))));
        }
        let RenewRequest { certificate, csr, proof } = request.into_inner();
        let asked = identity::RenewRequest { certificate, csr, proof };
        Ok(Response::new(answer(self.desk.renew(asked, caller.peer).await)))
    }
}

impl Service {
    /// Who has a certificate is known; agents behind one NAT renew without waiting for each other.
    fn admit(&self, caller: &Caller) -> Result<(), Denied> {
        if caller.certificate.is_some()
            || self.attempts.take(Origin::of(caller.peer), Instant::now())
        {
            return Ok(());
        }
        let detail = "too many attempts from this address; try again in a minute".to_owned();
        Err(Denied { why: Refused::TooMany, detail })
    }
}

/// Who calls, as the connection knows it.
pub(super) fn caller<T>(request: &Request<T>) -> Result<Caller, Status> {
    let caller = request.extensions().get::<Caller>().cloned();
    caller.ok_or_else(|| Status::internal("the connection does not say who calls"))
}

/// `None` when it is not known.
fn machine(bytes: &[u8]) -> Option<[u8; 16]> {
    bytes.try_into().ok().filter(|id| *id != [0; 16])
}

fn answer(result: Result<Granted, Denied>) -> EnrolAnswer {
    match result {
        Ok(Granted { certificate, ca }) => EnrolAnswer {
            certificate: certificate.der,
            ca,
            site_id: certificate.site.0,
            agent_id: certificate.agent.0,
            not_before_ms: certificate.not_before_ms,
            not_after_ms: certificate.not_after_ms,
            ..EnrolAnswer::default()
        },
        Err(Denied { why, detail }) => {
            EnrolAnswer { refused: refused(why).into(), detail, ..EnrolAnswer::default() }
        }
    }
}

fn refused(why: Refused) -> Wire {
    match why {
        Refused::TokenUnknown => Wire::TokenUnknown,
        Refused::TokenExpired => Wire::TokenExpired,
        Refused::TokenUsed => Wire::TokenUsed,
        Refused::NotAllowed(_) => Wire::NotAllowed,
        Refused::BadRequest => Wire::BadRequest,
        Refused::Revoked => Wire::Revoked,
        Refused::TooOld => Wire::TooOld,
        Refused::TooMany => Wire::TooMany,
        Refused::Unavailable => Wire::Unavailable,
    }
}
