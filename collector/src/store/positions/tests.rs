use super::FILES_PER_LOG_MAX;
use crate::{
    domain::{
        Epoch,
        batch::{BatchContent, Hello, IncomingBatch, SourcePosition},
    },
    store::{fixtures::*, tests::fresh},
};

/// A batch that read these: log, inode of the file, offset.
fn read<'a>(files: impl IntoIterator<Item = (&'a str, u64, u64)>) -> BatchContent {
    let position = |(source, inode, offset): (&str, u64, u64)| SourcePosition {
        source: source.to_owned(),
        inode,
        offset,
        ..SourcePosition::default()
    };
    let positions = files.into_iter().map(position).collect();
    BatchContent { positions, ..BatchContent::default() }
}

#[tokio::test]
async fn an_agent_that_calls_learns_how_far_each_log_is_counted_folded_or_not() {
    let (store, _dir) = fresh().await;
    let mut contents = Contents::default();
    let at = |positions: &[(&str, u64)]| read(positions.iter().map(|(log, at)| (*log, 0, *at)));
    let batches = [
        contents.batch(1, at(&[("a", 10), ("b", 100)])),
        contents.batch(3, at(&[("a", 30)])),
        contents.batch(2, at(&[("a", 20), ("b", 200)])),
    ];
    let mut junk = contents.batch(4, at(&[("a", 40)]));
    junk.frame.data = vec![250];
    let offsets = async |contents: &Contents| {
        let registered = store.register(&hello(), contents, MS).await.unwrap();
        registered.positions.iter().map(|p| p.offset).collect::<Vec<_>>()
    };
    assert_eq!(offsets(&contents).await, Vec::<u64>::new());
    store.save(&batches[..1]).await.unwrap();
    assert_eq!(offsets(&contents).await, [10, 100]);
    contents.fold(&store).await;
    assert_eq!(offsets(&contents).await, [10, 100]);
    store.save(&batches[1..2]).await.unwrap();
    assert_eq!(offsets(&contents).await, [30, 100], "a batch names only the logs it read");
    contents.fold(&store).await;
    store.save(&batches[2..]).await.unwrap();
    assert_eq!(offsets(&contents).await, [30, 200], "the highest, not the latest");
    store.save(&[junk]).await.unwrap();
    contents.fold(&store).await;
    assert_eq!(offsets(&contents).await, [30, 200]);
}

#[tokio::test]
async fn an_agent_with_a_new_spool_learns_how_far_its_logs_were_counted_before() {
    let (store, _dir) = fresh().await;
    let mut contents = Contents::default();
    let mut batch = |epoch, seq, closed_ms, source, offset| {
        let mut batch = contents.batch(seq, read([(source, 0, offset)]));
        (batch.epoch, batch.frame.closed_ms) = (Epoch([epoch; 16]), closed_ms);
        batch
    };
    // Folded, and in an epoch whose name and numbers are higher than those of the one after it.
    let first = [batch(90, 500, 10, "a", 10), batch(90, 501, 20, "b", 20)];
    let second = [batch(30, 1, 30, "a", 30)];
    let own = [batch(60, 1, 40, "c", 40)];
    store.save(&first).await.unwrap();
    contents.fold(&store).await;
    store.save(&second).await.unwrap();
    let told = async || {
        let hello = Hello { epoch: Epoch([60; 16]), ..hello() };
        let registered = store.register(&hello, &contents, MS).await.unwrap();
        let positions = registered.positions.iter().map(|p| (p.source.clone(), p.offset));
        (registered.stored.len(), positions.collect::<Vec<_>>())
    };
    let before = vec![("a".to_owned(), 30), ("b".to_owned(), 20)];
    assert_eq!(told().await, (0, before.clone()), "the newest of each log");
    contents.fold(&store).await;
    assert_eq!(told().await, (0, before), "folded or not");
    store.save(&own).await.unwrap();
    assert_eq!(told().await, (1, vec![("c".to_owned(), 40)]), "its own once there are any");
}

#[tokio::test]
async fn of_a_log_that_is_several_files_an_agent_learns_each_and_which_was_read_last() {
    let (store, _dir) = fresh().await;
    let mut contents = Contents::default();
    let batches = [
        contents.batch(1, read([("a", 1, 10), ("a", 2, 20)])),
        contents.batch(3, read([("a", 1, 30)])),
        contents.batch(2, read([("a", 3, 5), ("a", 2, 25), ("a", 1, 20)])),
    ];
    let told = async |contents: &Contents| {
        let registered = store.register(&hello(), contents, MS).await.unwrap();
        registered.positions.iter().map(|p| (p.inode, p.offset)).collect::<Vec<_>>()
    };
    store.save(&batches[..2]).await.unwrap();
    assert_eq!(told(&contents).await, [(2, 20), (1, 30)]);
    contents.fold(&store).await;
    assert_eq!(told(&contents).await, [(2, 20), (1, 30)]);
    store.save(&batches[2..]).await.unwrap();
    assert_eq!(told(&contents).await, [(3, 5), (2, 25), (1, 30)]);
    contents.fold(&store).await;
    assert_eq!(told(&contents).await, [(3, 5), (2, 25), (1, 30)]);
}

#[tokio::test]
async fn what_is_stored_of_a_log_that_is_rotated_for_ever_is_bounded() {
    let (store, _dir) = fresh().await;
    let mut contents = Contents::default();
    let files = FILES_PER_LOG_MAX as u64;
    let batches: Vec<IncomingBatch> =
        (1..=files + 9).map(|n| contents.batch(n, read([("a", n, n)]))).collect();
    for half in batches.chunks(batches.len() / 2) {
        store.save(half).await.unwrap();
        contents.fold(&store).await;
    }
    let (stored,): (i64,) = sqlx::query_as("SELECT CAST(COUNT(*) AS BIGINT) FROM log_position")
        .fetch_one(&store.pool)
        .await
        .unwrap();
    assert_eq!(stored as u64, files);
    let registered = store.register(&hello(), &contents, MS).await.unwrap();
    let inodes: Vec<_> = registered.positions.iter().map(|p| p.inode).collect();
    assert_eq!(inodes, (10..=files + 9).collect::<Vec<_>>());
}
