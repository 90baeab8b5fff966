//! Each fault gives one clear line that says what to do, and the agent goes on with the rest.

use std::os::unix::fs::PermissionsExt;

use anyhow::{Context, Result};
use pantau_tests::{
    agent::{self, Agent},
    collector::Collector,
    disk::SmallDisk,
    eventually, play,
    scratch::Scratch,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_log_a_forbidden_log_and_a_refusing_database_leave_the_rest_at_work() -> Result<()>
{
    let scratch = Scratch::new()?;
    let log = scratch.file("application.log", "")?;
    let forbidden =
        scratch.file("forbidden.log", "2026-11-21 08:00:00,000 ERROR ~ tersembunyi\n")?;
    std::fs::set_permissions(&forbidden, std::fs::Permissions::from_mode(0o000))?;
    let mut play = play::PlayLog::open(&log, pantau_tests::collector::ZONE)?;
    let mut collector = Collector::new(&scratch, "")?;
    collector.start().await?;
    let nobody_listens = 1;
    let sources = [
        agent::play_log(&log),
        agent::postgres_log(&scratch.join("nowhere/postgresql.log")),
        agent::play_log(&forbidden).replace("\"spse\"", "\"terlarang\""),
        agent::cluster(nobody_listens, "pantau", "epns_prod"),
    ]
    .concat();
    let mut agent = Agent::new(&scratch, collector.ingest()?, &sources)?;
    collector.enrol(&agent)?;

    let (code, printed) = agent.check()?;
    assert_eq!(code, Some(1), "{printed}");
    for word in ["nowhere/postgresql.log", "forbidden.log", "utama"] {
        assert!(printed.contains(word), "{word} is missing in:\n{printed}");
    }

    agent.start()?;
    play.error(0)?;
    eventually("the error of the log that can be read", || async {
        collector.errors().ok().filter(|(count, _)| *count == 1)
    })
    .await
    .with_context(|| agent.printed())?;
    eventually("one line for each fault", || async {
        let printed = agent.printed();
        ["nowhere/postgresql.log", "forbidden.log", "utama"]
            .iter()
            .all(|word| printed.contains(word))
            .then_some(())
    })
    .await
    .with_context(|| agent.printed())?;
    for word in ["nowhere/postgresql.log", "forbidden.log"] {
        let lines = agent.printed().lines().filter(|line| line.contains(word)).count();
        assert_eq!(lines, 1, "{word} is told once, not at every try:\n{}", agent.printed());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_settings_are_all_named_with_what_is_allowed() -> Result<()> {
    let scratch = Scratch::new()?;
    let sources = "[[log]]\nkey = \"x\"\npath = \"/tmp/x\"\nformat = \"oracle\"\n\n\
         [[probe]]\ntarget = \"application\"\nurl = \"ftp://x\"\n\n[unknown]\nkey = 1\n";
    let agent = Agent::new(&scratch, "127.0.0.1:7411".parse()?, sources)?;
    let (code, printed) = agent.check()?;
    assert_eq!(code, Some(2), "{printed}");
    for word in ["agent.toml", "oracle", "postgres-stderr", "ftp", "unknown"] {
        assert!(printed.contains(word), "{word} is missing in:\n{printed}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_without_its_collector_keeps_counting_and_delivers_later() -> Result<()> {
    let scratch = Scratch::new()?;
    let log = scratch.file("application.log", "")?;
    let mut play = play::PlayLog::open(&log, pantau_tests::collector::ZONE)?;
    let mut collector = Collector::new(&scratch, "")?;
    collector.start().await?;
    let address = collector.ingest()?;
    let mut agent = Agent::new(&scratch, address, &agent::play_log(&log))?;
    collector.enrol(&agent)?;
    collector.program()?.stop().await?;

    agent.start()?;
    for n in 0..25 {
        play.error(n % play::KINDS)?;
    }
    eventually("a line about the collector", || async {
        agent.printed().contains(&address.to_string()).then_some(())
    })
    .await?;
    // Killed with its batches still on disk.
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    agent.program()?.kill()?;
    agent.start()?;
    collector.start().await?;
    eventually("all 25 errors", || async {
        collector.errors().ok().filter(|(count, _)| *count >= 25)
    })
    .await
    .with_context(|| [agent.printed(), collector.printed()].concat())?;
    assert_eq!(collector.errors()?, (25, 5));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_spool_disk_is_said_and_nothing_is_lost_when_there_is_room_again() -> Result<()> {
    let scratch = Scratch::new()?;
    let Some(disk) = SmallDisk::mount(&scratch, "agent", 256)? else {
        eprintln!("not root: a small disk cannot be mounted; this test ran nothing");
        return Ok(());
    };
    let log = scratch.file("application.log", "")?;
    let mut play = play::PlayLog::open(&log, pantau_tests::collector::ZONE)?;
    let mut collector = Collector::new(&scratch, "")?;
    collector.start().await?;
    let mut agent = Agent::new(&scratch, collector.ingest()?, &agent::play_log(&log))?;
    collector.enrol(&agent)?;
    agent.start()?;
    play.error(0)?;
    eventually("the first error", || async {
        collector.errors().ok().filter(|(count, _)| *count == 1)
    })
    .await
    .with_context(|| agent.printed())?;

    disk.fill()?;
    for n in 0..30 {
        play.error(n % play::KINDS)?;
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    eventually("a line about the full disk", || async {
        agent.printed().to_lowercase().contains("space").then_some(())
    })
    .await
    .with_context(|| agent.printed())?;
    disk.free()?;
    eventually("all 31 errors", || async {
        collector.errors().ok().filter(|(count, _)| *count >= 31)
    })
    .await
    .with_context(|| agent.printed())?;
    agent.program()?.stop().await?;
    assert_eq!(collector.errors()?.0, 31);
    Ok(())
}
