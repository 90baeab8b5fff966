use super::*;
use crate::store::tests::fresh;

const BOTH: [Channel; 2] = [Channel::Mail, Channel::Webhook];

fn site(name: &str) -> SiteId {
    SiteId(name.to_owned())
}

fn disk(site_name: &str) -> AlertKey {
    AlertKey {
        site: site(site_name),
        rule: "disk_space".to_owned(),
        agent: AgentId("app-1".to_owned()),
        part: "/".to_owned(),
    }
}

const OPEN: AlertState = AlertState {
    warning: Latch { on: true, since_ms: None },
    critical: Latch { on: false, since_ms: Some(90) },
    opened_ms: 100,
    transitions: 1,
};

fn opened(site_name: &str) -> Change {
    let event = Event {
        opened_ms: 100,
        number: 1,
        transition: Transition::Opened,
        level: Level::Warning,
        value: Some(812),
        threshold: 800,
        unit: Unit::Permille,
        detail: Detail { free_bytes: Some(7), total_bytes: Some(40), cause: String::new() },
        reason: Reason::Reached,
        at_ms: 100,
        sample: true,
    };
    Change { key: disk(site_name), next: Some(OPEN), event: Some(event) }
}

fn resolved(site_name: &str) -> Change {
    let mut change = opened(site_name);
    let event = change.event.as_mut().unwrap();
    event.number = 2;
    event.transition = Transition::Resolved;
    event.value = None;
    event.reason = Reason::NotWatched;
    event.at_ms = 200;
    Change { next: None, ..change }
}

async fn put(store: &Store, change: &Change) {
    let changes = std::slice::from_ref(change);
    store.store_alert_changes(&change.key.site, changes, &BOTH).await.unwrap();
}

#[tokio::test]
async fn what_is_remembered_comes_back_as_it_was() {
    let (store, _dir) = fresh().await;
    put(&store, &opened("demo")).await;
    assert_eq!(store.alert_states().await.unwrap(), [(disk("demo"), OPEN)]);
    put(&store, &resolved("demo")).await;
    assert_eq!(store.alert_states().await.unwrap(), []);
}

#[tokio::test]
async fn an_alert_is_one_row_from_its_beginning_to_its_end() {
    let (store, _dir) = fresh().await;
    put(&store, &opened("demo")).await;
    let open = store.alerts_open(None).await.unwrap();
    assert_eq!(open.len(), 1);
    assert_eq!(open[0].last, opened("demo").event.unwrap());
    assert_eq!(open[0].resolved_ms, None);
    put(&store, &resolved("demo")).await;
    assert!(store.alerts_open(None).await.unwrap().is_empty());
    let past = store.alerts_history(None, 10).await.unwrap();
    assert_eq!(past.len(), 1);
    assert_eq!(past[0].last, resolved("demo").event.unwrap());
    assert_eq!(past[0].resolved_ms, Some(200));
    assert_eq!(past[0].deliveries.len(), 4, "two transitions by two channels");
}

#[tokio::test]
async fn a_site_sees_its_own_alerts_only() {
    let (store, _dir) = fresh().await;
    put(&store, &opened("demo")).await;
    put(&store, &opened("other")).await;
    let sites = |alerts: Vec<crate::domain::alert::AlertSummary>| {
        alerts.into_iter().map(|alert| alert.about.site.0).collect::<Vec<_>>()
    };
    let demo = site("demo");
    assert_eq!(sites(store.alerts_open(Some(&demo)).await.unwrap()), ["demo"]);
    assert_eq!(sites(store.alerts_history(Some(&demo), 10).await.unwrap()), ["demo"]);
    assert_eq!(sites(store.alerts_history(None, 10).await.unwrap()).len(), 2);
    assert_eq!(sites(store.alerts_history(None, 1).await.unwrap()).len(), 1);
}

#[tokio::test]
async fn storing_the_same_change_twice_tells_it_once() {
    let (store, _dir) = fresh().await;
    put(&store, &opened("demo")).await;
    put(&store, &opened("demo")).await;
    assert_eq!(store.notifications_due(Channel::Mail, 100, 10).await.unwrap().len(), 1);
    assert_eq!(store.alerts_history(None, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_end_is_not_due_before_its_beginning_is_settled() {
    let (store, _dir) = fresh().await;
    put(&store, &opened("demo")).await;
    put(&store, &resolved("demo")).await;
    let due = async || {
        let due = store.notifications_due(Channel::Mail, 1_000, 10).await.unwrap();
        due.into_iter().map(|notice| (notice.key, notice.event)).collect::<Vec<_>>()
    };
    let first = due().await;
    assert_eq!(first.len(), 1);
    assert_eq!(first[0].1, opened("demo").event.unwrap());
    store.notification_refused(&first[0].0, "refused", Some(5_000)).await.unwrap();
    assert!(due().await.is_empty(), "the first waits for its next try, the second for the first");
    store.notification_refused(&first[0].0, "refused", None).await.unwrap();
    let second = due().await;
    assert_eq!(second[0].1, resolved("demo").event.unwrap());
    store.notification_sent(&second[0].0, 1_000).await.unwrap();
    assert!(due().await.is_empty());

    let alert = &store.alerts_history(None, 1).await.unwrap()[0];
    let mail: Vec<_> = alert.deliveries.iter().filter(|d| d.key.channel == Channel::Mail).collect();
    assert_eq!((mail[0].state, mail[0].attempts), (DeliveryState::Failed, 2));
    assert_eq!(mail[0].last_error, "refused");
    assert_eq!((mail[1].state, mail[1].sent_ms), (DeliveryState::Sent, Some(1_000)));
}

#[tokio::test]
async fn without_channels_an_alert_is_kept_and_nobody_is_told() {
    let (store, _dir) = fresh().await;
    store.store_alert_changes(&site("demo"), &[opened("demo")], &[]).await.unwrap();
    assert_eq!(store.alerts_open(None).await.unwrap()[0].deliveries.len(), 0);
}
