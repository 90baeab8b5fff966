//! Knows every line written, and what may be lost of it. The verdict is its alone.

use std::collections::BTreeMap;

use serde_json::Value;

use super::kinds::{self, Kind};

/// Counts by the mark of a kind.
pub type Tally = BTreeMap<&'static str, u64>;

/// One file of one log, as long as it holds the same content: place of the log, number of the file.
pub type FileKey = (usize, u64);

/// What was written, and where it lies.
#[derive(Debug, Default)]
pub struct Oracle {
    written: Tally,
    /// What the collector is not known to have counted, by the file that holds it.
    unconfirmed: BTreeMap<FileKey, Tally>,
    /// What was destroyed before it was known to be counted: it may be missing, and then a gap says so.
    at_risk: Tally,
    /// Something was taken from the agent that it cannot have known to be counted: it may say so.
    may_declare: bool,
}

/// What the collector says.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Counts by mark.
    pub counted: Tally,
    /// Groups by mark: more than one is a message whose name changed on the way.
    pub groups: Tally,
    /// Templates that nobody wrote.
    pub strange: Vec<String>,
    /// Declared losses: reason, amount, and all of it for a person.
    pub gaps: Vec<(String, u64, String)>,
}

/// What a run proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All is counted, once.
    Exact,
    /// This many entries are missing; they were destroyed, and a gap says so.
    Declared(u64),
    /// What is wrong, one line each.
    Wrong(Vec<String>),
}

/// Reasons of gaps that declare entries of logs.
const REASONS_OF_LOSS: &[&str] = &["file_lost", "spool_lost", "restored"];

impl Oracle {
    /// An entry was written into this file.
    pub fn wrote(&mut self, file: FileKey, kind: &'static Kind) {
        *self.written.entry(kind.mark).or_default() += 1;
        *self.unconfirmed.entry(file).or_default().entry(kind.mark).or_default() += 1;
    }

    /// This file is no more.
    pub fn destroyed(&mut self, file: FileKey) {
        self.may_declare = true;
        for (mark, count) in self.unconfirmed.remove(&file).unwrap_or_default() {
            *self.at_risk.entry(mark).or_default() += count;
        }
    }

    /// Wherever it lies: what is not counted yet may never be.
    pub fn all_destroyed(&mut self) {
        self.may_declare = true;
        let files: Vec<FileKey> = self.unconfirmed.keys().copied().collect();
        files.into_iter().for_each(|file| self.destroyed(file));
    }

    /// Samples of a restored machine are lost, which is declared; lines are not.
    pub fn may_declare(&mut self) {
        self.may_declare = true;
    }

    /// The collector has counted all.
    pub fn confirmed(&mut self) {
        self.unconfirmed.clear();
    }

    /// Whether every entry is counted, or more.
    pub fn is_covered(&self, answer: &Answer) -> bool {
        self.written.iter().all(|(mark, count)| answer.of(mark) >= *count)
    }

    /// Whether more is counted than was written: no waiting mends that.
    pub fn is_exceeded(&self, answer: &Answer) -> bool {
        answer.counted.iter().any(|(mark, count)| *count > of(&self.written, mark))
    }

    /// Whether any line may be missing.
    pub fn may_lose(&self) -> bool {
        !self.at_risk.is_empty()
    }

    /// Entries written.
    pub fn entries(&self) -> u64 {
        self.written.values().sum()
    }

    /// What the answer proves.
    pub fn judge(&self, answer: &Answer) -> Verdict {
        let mut wrong: Vec<String> =
            answer.strange.iter().map(|t| format!("counted but never written: {t}")).collect();
        let (mut missing, mut bytes_missing) = (0, 0);
        for kind in kinds::KINDS {
            let (written, counted) = (of(&self.written, kind.mark), answer.of(kind.mark));
            let lost = written.saturating_sub(counted);
            if counted > written {
                wrong.push(format!("doubled: {counted} instead of {written} of \"{}\"", kind.mark));
            } else if lost > of(&self.at_risk, kind.mark) {
                let at_risk = of(&self.at_risk, kind.mark);
                wrong.push(format!(
                    "lost: {counted} instead of {written} of \"{}\", of which {at_risk} could be lost",
                    kind.mark
                ));
            }
            if of(&answer.groups, kind.mark) > 1 {
                let groups = of(&answer.groups, kind.mark);
                wrong.push(format!("\"{}\" is {groups} groups instead of one", kind.mark));
            }
            missing += lost;
            bytes_missing += lost * kind.bytes_min();
        }
        wrong.extend(self.judge_gaps(answer, missing, bytes_missing));
        match (wrong.is_empty(), missing) {
            (false, _) => Verdict::Wrong(wrong),
            (true, 0) => Verdict::Exact,
            (true, _) => Verdict::Declared(missing),
        }
    }

    fn judge_gaps(&self, answer: &Answer, missing: u64, bytes_missing: u64) -> Option<String> {
        let losses: Vec<_> = answer.losses().collect();
        let bytes: u64 = losses.iter().map(|(_, amount, _)| amount).sum();
        if missing > 0 && losses.is_empty() {
            return Some(format!("{missing} entries are missing and no gap says so"));
        }
        // What is left of a file is declared in bytes, 0 where nobody can know: it grew unseen. Losses
        // of another kind cannot know how much it was.
        let is_known = |(reason, amount, _): &&_| reason == "file_lost" && *amount > 0;
        if losses.iter().all(is_known) && bytes < bytes_missing {
            return Some(format!(
                "gaps declare {bytes} bytes, at least {bytes_missing} are missing"
            ));
        }
        if missing == 0 && !self.may_declare && !losses.is_empty() {
            return Some(format!("a gap is declared though nothing is missing: {}", losses[0].2));
        }
        None
    }
}

impl Answer {
    /// From the JSON of `errors` and `gaps`.
    pub fn read(errors: &Value, gaps: &Value) -> Answer {
        let mut answer = Answer::default();
        for error in rows(errors) {
            let template = error["template"].as_str().unwrap_or_default();
            let Some(kind) = kinds::by_template(template) else {
                answer.strange.push(template.chars().take(200).collect());
                continue;
            };
            *answer.counted.entry(kind.mark).or_default() += error["count"].as_u64().unwrap_or(0);
            *answer.groups.entry(kind.mark).or_default() += 1;
        }
        for gap in rows(gaps) {
            let reason = gap["reason"].as_str().unwrap_or_default().to_owned();
            answer.gaps.push((reason, gap["amount"].as_u64().unwrap_or(0), gap.to_string()));
        }
        answer
    }

    /// How often a kind is counted.
    pub fn of(&self, mark: &str) -> u64 {
        of(&self.counted, mark)
    }

    fn losses(&self) -> impl Iterator<Item = &(String, u64, String)> {
        self.gaps.iter().filter(|(reason, ..)| REASONS_OF_LOSS.contains(&reason.as_str()))
    }
}

fn rows(list: &Value) -> &[Value] {
    list.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn of(tally: &Tally, mark: &str) -> u64 {
    tally.get(mark).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const MARK: &str = "division by zero";
    const FILE: FileKey = (1, 1);

    fn kind() -> &'static Kind {
        kinds::by_template(MARK).unwrap()
    }

    fn counted(times: u64) -> Value {
        json!([{ "template": "division by zero", "count": times }])
    }

    fn lost_file(bytes: u64) -> Value {
        json!([{ "reason": "file_lost", "amount": bytes }])
    }

    fn wrote(times: u64) -> Oracle {
        let mut oracle = Oracle::default();
        (0..times).for_each(|_| oracle.wrote(FILE, kind()));
        oracle
    }

    fn is_wrong(oracle: &Oracle, errors: Value, gaps: Value) -> bool {
        matches!(oracle.judge(&Answer::read(&errors, &gaps)), Verdict::Wrong(_))
    }

    #[test]
    fn only_the_very_count_is_exact() {
        let oracle = wrote(3);
        let judge = |times| oracle.judge(&Answer::read(&counted(times), &json!([])));
        assert_eq!(judge(3), Verdict::Exact);
        assert!(matches!(judge(2), Verdict::Wrong(_)));
        assert!(matches!(judge(4), Verdict::Wrong(_)));
    }

    #[test]
    fn a_loss_passes_only_where_lines_were_destroyed_and_a_gap_covers_them() {
        let mut oracle = wrote(3);
        assert!(is_wrong(&oracle, counted(2), lost_file(9_999)));
        oracle.destroyed(FILE);
        oracle.wrote((1, 2), kind());
        let answer = Answer::read(&counted(2), &lost_file(9_999));
        assert_eq!(oracle.judge(&answer), Verdict::Declared(2));
        assert!(is_wrong(&oracle, counted(2), json!([])));
        assert!(is_wrong(&oracle, counted(2), lost_file(20)));
        assert!(is_wrong(&oracle, counted(0), lost_file(9_999)));
    }

    #[test]
    fn what_was_counted_before_its_file_was_destroyed_must_be_there() {
        let mut oracle = wrote(3);
        oracle.confirmed();
        oracle.destroyed(FILE);
        assert!(is_wrong(&oracle, counted(2), lost_file(9_999)));
    }

    #[test]
    fn a_gap_without_a_loss_a_strange_group_and_a_group_in_two_are_wrong() {
        let oracle = wrote(2);
        assert!(is_wrong(&oracle, counted(2), lost_file(1)));
        let strange = json!([{ "template": "division by zero", "count": 2 },
                             { "template": "nobody wrote this", "count": 1 }]);
        assert!(is_wrong(&oracle, strange, json!([])));
        let split = json!([{ "template": "division by zero", "count": 1 },
                           { "template": "division by zero x", "count": 1 }]);
        assert!(is_wrong(&oracle, split, json!([])));
    }
}
