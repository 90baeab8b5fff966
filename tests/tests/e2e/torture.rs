//! One seeded run of the fault harness for each kind of fault. `make torture` runs as many as one likes.

use anyhow::Result;
use pantau_tests::torture::{self, Plan, Theme, Theme::*};

#[tokio::test(flavor = "multi_thread")]
async fn no_line_is_lost_or_doubled_by_renaming_copying_compressing_and_switching() -> Result<()> {
    all_is_right(&[Renamed, RenamedQuickly, CopyTruncated, CompressedWhileDown, LinkSwitched]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_overwritten_or_deleted_unread_is_declared_and_nothing_else_is_missing()
-> Result<()> {
    all_is_right(&[RewrittenInPlace, WeekdaysReused, DeletedUnread, InodeReused, OddLines]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn no_line_is_lost_or_doubled_by_a_link_that_is_cut_slow_half_closed_or_dead() -> Result<()> {
    all_is_right(&[LinkCut, LinkSlow, LinkHalfClosed, LinkBlackHole]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn no_line_is_lost_or_doubled_by_killing_and_freezing_either_side() -> Result<()> {
    all_is_right(&[AgentKilled, CollectorKilled, BothKilled, AgentFrozen, CollectorFrozen]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn no_line_is_lost_or_doubled_by_full_disks_and_reads_that_fail_or_hang() -> Result<()> {
    all_is_right(&[SpoolDiskFull, StoreDiskFull, ReadsFail, ReadsHang]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn no_line_is_lost_or_doubled_by_clocks_that_jump() -> Result<()> {
    all_is_right(&[AgentClock, CollectorClock]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_collector_doubles_nothing_and_a_destroyed_spool_is_declared() -> Result<()> {
    all_is_right(&[CollectorRestored, SpoolDeleted, BitsFlipped]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_agent_doubles_nothing_and_loses_nothing() -> Result<()> {
    all_is_right(&[AgentRestored]).await
}

#[test]
fn each_kind_of_fault_is_in_one_of_these_tests() {
    let source = include_str!("torture.rs");
    for theme in torture::THEMES {
        let name = format!("{theme:?}");
        let times = source.split(|c: char| !c.is_alphanumeric()).filter(|word| *word == name);
        assert_eq!(times.count(), 1, "{name}");
    }
}

async fn all_is_right(themes: &[Theme]) -> Result<()> {
    let mut wrong = Vec::new();
    for theme in themes {
        let outcome = torture::run(Plan::from_seed(theme.first_seed())).await?;
        if let Some(why) = outcome.skipped() {
            eprintln!("{theme:?} ran nothing: {why}");
        }
        if !outcome.is_right() {
            wrong.push(outcome.explain());
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}
