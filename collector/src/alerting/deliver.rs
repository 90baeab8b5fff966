//! Emptying the outbox: what is due is sent, and what came of it is noted. A notice that was sent and
//! could not be noted (a crash between the two) is sent again under the same key.

use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use tracing::{info, warn};

use crate::{
    config::{Settings, Site},
    domain::{
        SiteId,
        alert::{Channel, Notice},
    },
    store::{Store, StoreResult},
};

use super::notify::Notifier;

/// Waits before the second try, the third, … in seconds; after the last, a notice is given up. Ten tries
/// within six hours: the first ones bridge a restart of the receiver, the last ones a night-shift repair.
const RETRY_AFTER_S: [i64; 9] = [10, 30, 60, 300, 900, 1_800, 3_600, 5_400, 7_200];
/// A wait is made longer by up to this much, so that collectors and notices do not retry in step.
const JITTER_PERMILLE_MAX: i64 = 100;
/// Notices of one channel that one call looks at.
const NOTICES_PER_CALL_MAX: u32 = 50;
/// A call begins no further sending after this; the rest is sent in the next one.
const CALL_DURATION_MAX: Duration = Duration::from_secs(8);
/// Longest error kept, in characters.
const ERROR_CHARS_MAX: usize = 500;

/// When a notice is tried again after its `attempts`-th try failed; `None` to give up.
fn next_try_ms(attempts: i64, now_ms: i64, jitter_permille: i64) -> Option<i64> {
    let waits_before = usize::try_from(attempts.checked_sub(1)?).ok()?;
    let wait_s = RETRY_AFTER_S.get(waits_before)?;
    Some(now_ms + wait_s * (1_000 + jitter_permille))
}

/// Sends what is due on one channel, in order, until one is refused: a receiver that refuses is left in
/// peace until the next call.
pub(super) async fn deliver(
    store: &Store,
    settings: &Settings,
    notifier: &Notifier,
    now_ms: i64,
) -> StoreResult<()> {
    let begun = Instant::now();
    let due = store.notifications_due(notifier.channel(), now_ms, NOTICES_PER_CALL_MAX).await?;
    for notice in due {
        if begun.elapsed() > CALL_DURATION_MAX {
            break;
        }
        let site = site(settings, &notice.key.site);
        match notifier.send(&notice, &site).await {
            Ok(()) => {
                store.notification_sent(&notice.key, now_ms).await?;
                info!(notification = notice.key.text(), site = %site.id, "alert sent");
            }
            Err(error) => {
                refused(store, &notice, &format!("{error:#}"), now_ms).await?;
                break;
            }
        }
    }
    Ok(())
}

/// Gives up what waits for a channel that the settings no longer name.
pub(super) async fn give_up(store: &Store, channel: Channel, now_ms: i64) -> StoreResult<()> {
    let error = format!(
        "[{}] is no longer in the settings; put it back to be told again",
        channel.as_str()
    );
    for notice in store.notifications_due(channel, now_ms, NOTICES_PER_CALL_MAX).await? {
        store.notification_refused(&notice.key, &error, None).await?;
    }
    Ok(())
}

async fn refused(store: &Store, notice: &Notice, error: &str, now_ms: i64) -> StoreResult<()> {
    let attempts = notice.attempts + 1;
    let jitter_permille = rand::random_range(0..=JITTER_PERMILLE_MAX);
    let next = next_try_ms(attempts, now_ms, jitter_permille);
    let error: String = error.chars().take(ERROR_CHARS_MAX).collect();
    warn!(
        notification = notice.key.text(),
        site = %notice.key.site,
        attempts,
        given_up = next.is_none(),
        error,
        "alert not sent"
    );
    store.notification_refused(&notice.key, &error, next).await
}

/// The site as the settings have it; one that has left them still gets the end of its alerts, by its id.
fn site(settings: &Settings, id: &SiteId) -> Site {
    settings.site(&id.0).cloned().unwrap_or_else(|_| Site {
        id: id.clone(),
        name: id.0.clone(),
        zone: TimeZone::UTC,
        letterhead: Vec::new(),
        administrator: String::new(),
        head: String::new(),
        link_up_bits_per_s: None,
        link_down_bits_per_s: None,
        availability_target_permille: 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_tries_end_within_six_hours_whatever_the_jitter() {
        for jitter_permille in [0, JITTER_PERMILLE_MAX] {
            let (mut now_ms, mut attempts) = (0, 1);
            while let Some(next) = next_try_ms(attempts, now_ms, jitter_permille) {
                assert!(next > now_ms);
                (now_ms, attempts) = (next, attempts + 1);
            }
            assert_eq!(attempts, 10);
            assert!((4 * 3_600_000..6 * 3_600_000).contains(&now_ms), "{now_ms}");
        }
    }

    #[test]
    fn a_count_that_makes_no_sense_is_given_up() {
        assert_eq!(next_try_ms(i64::MIN, 0, 0), None);
        assert_eq!(next_try_ms(0, 0, 0), None);
        assert_eq!(next_try_ms(i64::MAX, 0, 0), None);
    }
}
