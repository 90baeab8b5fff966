//! Which certificates are refused, as the store said last; streams that are open learn of it from here.

use std::{collections::HashSet, sync::Arc};

use tokio::sync::watch;

use crate::{
    domain::identity::Serial,
    store::{Store, StoreResult},
};

/// The refused certificates; clones share one list.
#[derive(Clone)]
pub struct Revoked(watch::Sender<Arc<HashSet<Serial>>>);

impl Default for Revoked {
    fn default() -> Revoked {
        Revoked(watch::Sender::new(Arc::default()))
    }
}

impl Revoked {
    /// Whether this certificate is refused.
    pub fn has(&self, serial: Serial) -> bool {
        self.0.borrow().contains(&serial)
    }

    /// Returns when this certificate is refused.
    pub async fn until(&self, serial: Serial) {
        let mut list = self.0.subscribe();
        // It cannot be closed: the sender is in `self`.
        let _ = list.wait_for(|refused| refused.contains(&serial)).await;
    }

    /// Asks the store again; wakes waiting streams when the list has changed.
    pub async fn refresh(&self, store: &Store, now_ms: i64) -> StoreResult<()> {
        let newest: HashSet<Serial> = store.revoked_serials(now_ms).await?.into_iter().collect();
        self.0.send_if_modified(|kept| {
            let changed = **kept != newest;
            if changed {
                *kept = Arc::new(newest);
            }
            changed
        });
        Ok(())
    }
}
