//! Who is at the other end of a stream, as its certificate says.

use std::{sync::Arc, time::Duration};

use tokio::time::sleep;

use super::wire::Refusal;
use crate::{
    domain::batch::Hello,
    identity::{Revoked, certificate::Presented},
};

/// How often it is looked whether a certificate has ended: the clock may be set.
const END_LOOK_INTERVAL: Duration = Duration::from_secs(60);

/// A caller whose certificate TLS has checked.
#[derive(Clone)]
pub struct Visitor {
    certificate: Arc<Presented>,
    revoked: Revoked,
}

impl Visitor {
    /// With this certificate.
    pub fn new(certificate: Arc<Presented>, revoked: Revoked) -> Visitor {
        Visitor { certificate, revoked }
    }

    /// Whether the caller is who it says it is, and may still call.
    pub fn check(&self, hello: &Hello) -> Result<(), Refusal> {
        let (site, agent) = (&self.certificate.site, &self.certificate.agent);
        if self.revoked.has(self.certificate.serial) {
            return Err(Refusal::revoked(site, agent));
        }
        if (site, agent) != (&hello.site, &hello.agent) {
            return Err(Refusal::not_you(site, agent));
        }
        Ok(())
    }

    /// Returns when the certificate is refused from now on.
    pub async fn revoked(&self) -> Refusal {
        self.revoked.until(self.certificate.serial).await;
        Refusal::revoked(&self.certificate.site, &self.certificate.agent)
    }

    /// Returns when the certificate has ended, as TLS would let nobody in with it from then on. The agent
    /// has had a third of its life to renew it, and may still do so: the grace is for that alone.
    pub async fn expired(&self, clock: fn() -> i64) -> Refusal {
        while clock() <= self.certificate.not_after_ms {
            sleep(END_LOOK_INTERVAL).await;
        }
        Refusal::expired()
    }
}
