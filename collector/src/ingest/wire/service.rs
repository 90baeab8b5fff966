//! The gRPC service: a stream of messages in, a stream of messages out, and the door between them.

use std::{pin::Pin, sync::Arc};

use pantau_proto::{
    limits,
    v1::{
        AgentMessage, CollectorMessage,
        ingest_server::{Ingest, IngestServer},
    },
};
use tokio_stream::{Stream, StreamExt, wrappers::ReceiverStream};
use tonic::{Request, Response, Status, Streaming};

use super::enrolment::caller;
use super::{FromAgent, Malformed, from_agent, to_agent};
use crate::{
    identity::{Desk, Revoked},
    ingest::{
        Keep,
        door::{Door, OUTBOUND_MESSAGES_MAX},
        visitor::Visitor,
    },
};

/// Told to who calls without a certificate.
const WITHOUT_CERTIFICATE: &str = "a certificate is needed; enrol this server with a token first: \
                                   pantau-agent enroll";

/// What the transport serves.
pub type Server<K> = IngestServer<Service<K>>;

/// The door as tonic wants it.
pub struct Service<K> {
    door: Arc<Door<K>>,
    desk: Arc<Desk>,
    revoked: Revoked,
}

/// The service over `door`, with the contract's limits on messages. `desk` notes who came.
pub fn serve<K: Keep>(door: Arc<Door<K>>, desk: Arc<Desk>, revoked: Revoked) -> Server<K> {
    IngestServer::new(Service { door, desk, revoked })
        .max_decoding_message_size(limits::MESSAGE_BYTES_MAX)
        .max_encoding_message_size(limits::MESSAGE_BYTES_MAX)
}

#[tonic::async_trait]
impl<K: Keep> Ingest for Service<K> {
    type ExchangeStream = Pin<Box<dyn Stream<Item = Result<CollectorMessage, Status>> + Send>>;

    async fn exchange(
        &self,
        request: Request<Streaming<AgentMessage>>,
    ) -> Result<Response<Self::ExchangeStream>, Status> {
        let caller = caller(&request)?;
        let Some(certificate) = caller.certificate.clone() else {
            return Err(Status::unauthenticated(WITHOUT_CERTIFICATE));
        };
        let call = caller.call();
        let (answers, outbound) = tokio::sync::mpsc::channel(OUTBOUND_MESSAGES_MAX);
        let inbound = inbound(request.into_inner());
        let (door, desk) = (Arc::clone(&self.door), Arc::clone(&self.desk));
        let visitor = Visitor::new(Arc::clone(&certificate), self.revoked.clone());
        tokio::spawn(async move {
            tokio::join!(desk.seen(&certificate), door.converse(&visitor, inbound, answers));
            drop(call);
        });
        let outbound = ReceiverStream::new(outbound).map(|message| Ok(to_agent(message)));
        Ok(Response::new(Box::pin(outbound)))
    }
}

/// Messages until the stream ends. A broken connection is an end like any other: the agent comes back.
/// A message that cannot be decoded is malformed.
fn inbound(
    stream: Streaming<AgentMessage>,
) -> impl Stream<Item = Result<FromAgent, Malformed>> + Send + Unpin {
    Box::pin(stream.map_while(|message| match message {
        Ok(wire) => Some(from_agent(wire)),
        Err(status) if is_contract_broken(&status) => {
            Some(Err(Malformed(status.message().to_owned())))
        }
        Err(_) => None,
    }))
}

/// The words for bytes that are no message, and for a message that is too large or too heavy.
fn is_contract_broken(status: &Status) -> bool {
    matches!(
        status.code(),
        tonic::Code::Internal | tonic::Code::OutOfRange | tonic::Code::InvalidArgument
    )
}
