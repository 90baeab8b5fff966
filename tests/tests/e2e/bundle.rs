//! Batches that travel in files, alone and mixed with the link: each line counts once.

use std::time::Duration;

use anyhow::{Context, Result};
use pantau_tests::{
    agent::{self, Agent},
    collector::Collector,
    eventually,
    play::{KINDS, PlayLog},
    scratch::Scratch,
};

/// Exports until a bundle holds all that was written before: the agent closes a batch each second.
const CLOSED_AFTER: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn bundles_in_any_order_and_the_link_after_them_count_each_line_once() -> Result<()> {
    let scratch = Scratch::new()?;
    let log = scratch.file("application.log", "")?;
    let mut play = PlayLog::open(&log, pantau_tests::collector::ZONE)?;
    let mut collector = Collector::new(&scratch, "")?;
    collector.start().await?;
    let mut agent = Agent::new(&scratch, collector.ingest()?, &agent::play_log(&log))?;
    collector.enrol(&agent)?;
    collector.program()?.stop().await?;

    agent.start()?;
    write(&mut play, 20).await?;
    let first = agent.export("first.zst").with_context(|| agent.printed())?;
    write(&mut play, 15).await?;
    let second = agent.export("second.zst").with_context(|| agent.printed())?;

    let (stored, duplicates) = collector.import(&second)?;
    assert!(stored > 0 && duplicates == 0, "{stored}, {duplicates}");
    assert_eq!(collector.errors()?, (35, KINDS));
    let (stored, duplicates) = collector.import(&first)?;
    assert!(stored == 0 && duplicates > 0, "{stored}, {duplicates}");
    assert_eq!(collector.errors()?, (35, KINDS));

    // Now by the link: the same batches, and more.
    write(&mut play, 10).await?;
    collector.start().await?;
    eventually("all 45 errors", || async {
        collector.errors().ok().filter(|(count, _)| *count >= 45)
    })
    .await
    .with_context(|| [agent.printed(), collector.printed()].concat())?;
    assert_eq!(collector.errors()?, (45, KINDS));

    // And once more by file, beside a running collector.
    let (_, duplicates) = collector.import(&second)?;
    assert!(duplicates > 0);
    assert_eq!(collector.errors()?, (45, KINDS));
    Ok(())
}

/// Writes so many errors and waits until they are in a batch.
async fn write(play: &mut PlayLog, errors: usize) -> Result<()> {
    for n in 0..errors {
        play.error(n % KINDS)?;
    }
    tokio::time::sleep(CLOSED_AFTER).await;
    Ok(())
}
