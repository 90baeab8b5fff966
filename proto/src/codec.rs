//! How messages travel: protocol buffers, weighed before they are decoded.

use std::marker::PhantomData;

use prost::Message;
use tonic::{
    Status,
    codec::{Codec, DecodeBuf, Decoder},
};
use tonic_prost::{ProstCodec, ProstDecoder, ProstEncoder};

use crate::{
    v1,
    weight::{self, Kind},
};

/// A message that comes from outside.
pub trait Received: Message + Default + Send + 'static {
    /// What is counted in it; `None` where nothing repeats.
    const KIND: Option<Kind> = None;
}

impl Received for v1::AgentMessage {
    const KIND: Option<Kind> = Some(Kind::FromAgent);
}

impl Received for v1::CollectorMessage {
    const KIND: Option<Kind> = Some(Kind::FromCollector);
}

impl Received for v1::EnrolRequest {}
impl Received for v1::RenewRequest {}
impl Received for v1::EnrolAnswer {}

/// See the module. Sends `T`, receives `U`.
#[derive(Debug)]
pub struct Weighed<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for Weighed<T, U> {
    fn default() -> Weighed<T, U> {
        Weighed(PhantomData)
    }
}

impl<T: Message + Send + 'static, U: Received> Codec for Weighed<T, U> {
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = WeighedDecoder<U>;

    fn encoder(&mut self) -> ProstEncoder<T> {
        ProstEncoder::default()
    }

    fn decoder(&mut self) -> WeighedDecoder<U> {
        WeighedDecoder(ProstCodec::<T, U>::default().decoder())
    }
}

/// Decodes what is not too heavy.
#[derive(Debug)]
pub struct WeighedDecoder<U>(ProstDecoder<U>);

impl<U: Received> Decoder for WeighedDecoder<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, bytes: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        if let Some(kind) = U::KIND {
            // The whole message: it lies in one piece.
            weight::check(prost::bytes::Buf::chunk(bytes), kind)
                .map_err(|why| Status::invalid_argument(why.to_string()))?;
        }
        self.0.decode(bytes)
    }
}
