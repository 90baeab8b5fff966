//! Tables of who gets a certificate.

use super::*;
use crate::{
    domain::identity::TokenId,
    identity::{Authority, testing::Key},
};

const NOW_MS: i64 = 1_795_000_000_000;
const GRACE_DAYS: i64 = 400;

fn sites() -> HashSet<SiteId> {
    [SiteId("demo".into())].into()
}

fn agent() -> AgentId {
    AgentId("spse-1".into())
}

fn token() -> Token {
    Token {
        id: TokenId([1; 8]),
        secret_hash: [2; 32],
        site: SiteId("demo".into()),
        agent: None,
        created_by: "root".into(),
        created_ms: NOW_MS - 1_000,
        expires_ms: NOW_MS + 1_000,
        revoked_ms: None,
        used: None,
    }
}

fn certificate(serial: u8, issued_ms: i64) -> Certificate {
    Certificate {
        serial: Serial([serial; 16]),
        site: SiteId("demo".into()),
        agent: agent(),
        der: vec![],
        key_hash: [serial; 32],
        machine_id: Some([3; 16]),
        issued_ms,
        not_before_ms: issued_ms,
        not_after_ms: issued_ms + 90 * DAY_MS,
        seen_ms: None,
        revoked: None,
    }
}

fn enrol(token: Option<&Token>, known: &[Certificate]) -> Verdict {
    enrol_as(&applicant(&agent()), token, known)
}

fn applicant(agent: &AgentId) -> Applicant<'_> {
    Applicant { secret_hash: [2; 32], agent, key_hash: [5; 32], machine_id: Some([3; 16]) }
}

fn enrol_as(applicant: &Applicant<'_>, token: Option<&Token>, known: &[Certificate]) -> Verdict {
    decide_enrolment(token, applicant, known, &sites(), NOW_MS)
}

#[test]
fn a_fresh_token_buys_a_certificate() {
    assert_eq!(enrol(Some(&token()), &[]), Verdict::Issue { supersedes: vec![] });
}

#[test]
fn a_token_that_does_not_hold_buys_nothing() {
    let used = Some((NOW_MS, Serial([9; 16])));
    let cases = [
        (Token { secret_hash: [7; 32], ..token() }, Refused::TokenUnknown),
        (Token { expires_ms: NOW_MS, ..token() }, Refused::TokenExpired),
        (Token { revoked_ms: Some(1), ..token() }, Refused::TokenExpired),
        (Token { used, ..token() }, Refused::TokenUsed),
        (
            Token { site: SiteId("gone".into()), ..token() },
            Refused::NotAllowed(NotAllowed::SiteGone),
        ),
        (
            Token { agent: Some(AgentId("spse-2".into())), ..token() },
            Refused::NotAllowed(NotAllowed::OtherAgent),
        ),
    ];
    assert_eq!(enrol(None, &[]), Verdict::Refuse(Refused::TokenUnknown));
    for (token, expected) in cases {
        assert_eq!(enrol(Some(&token), &[]), Verdict::Refuse(expected), "{token:?}");
    }
}

#[test]
fn a_wrong_secret_does_not_tell_whether_the_token_was_used_or_has_expired() {
    let used = Some((NOW_MS, Serial([9; 16])));
    for token in [
        Token { secret_hash: [7; 32], used, ..token() },
        Token { secret_hash: [7; 32], expires_ms: 0, ..token() },
    ] {
        assert_eq!(enrol(Some(&token), &[]), Verdict::Refuse(Refused::TokenUnknown));
    }
}

#[test]
fn asking_again_with_the_same_key_gives_the_same_certificate_until_the_token_expires() {
    let used = Token { used: Some((NOW_MS, Serial([5; 16]))), ..token() };
    let given = certificate(5, NOW_MS);
    assert_eq!(enrol(Some(&used), std::slice::from_ref(&given)), Verdict::Same(given.serial));
    let expired = Token { expires_ms: NOW_MS, ..used.clone() };
    let known = std::slice::from_ref(&given);
    assert_eq!(enrol(Some(&expired), known), Verdict::Refuse(Refused::TokenExpired));
    let revoked = Certificate { revoked: Some((1, String::new())), ..given.clone() };
    assert_eq!(enrol(Some(&used), &[revoked]), Verdict::Refuse(Refused::Revoked));
}

#[test]
fn asking_again_with_another_key_or_another_name_buys_nothing() {
    let used = Token { used: Some((NOW_MS, Serial([5; 16]))), ..token() };
    let given = [certificate(5, NOW_MS)];
    let agent = agent();
    let other_key = Applicant { key_hash: [6; 32], ..applicant(&agent) };
    assert_eq!(enrol_as(&other_key, Some(&used), &given), Verdict::Refuse(Refused::TokenUsed));
    // The certificates of another name do not contain the one that was given.
    assert_eq!(enrol(Some(&used), &[]), Verdict::Refuse(Refused::TokenUsed));
}

#[test]
fn a_reinstalled_server_replaces_itself() {
    let before = [certificate(8, NOW_MS - 5), certificate(7, NOW_MS - 9)];
    let expected = Verdict::Issue { supersedes: vec![Serial([8; 16]), Serial([7; 16])] };
    assert_eq!(enrol(Some(&token()), &before), expected);
}

#[test]
fn a_name_in_use_is_given_to_another_machine_only_by_a_token_that_names_it() {
    let other = Certificate { machine_id: Some([4; 16]), ..certificate(8, NOW_MS - 5) };
    let taken = Verdict::Refuse(Refused::NotAllowed(NotAllowed::NameTaken));
    assert_eq!(enrol(Some(&token()), std::slice::from_ref(&other)), taken);
    let named = Token { agent: Some(agent()), ..token() };
    let expected = Verdict::Issue { supersedes: vec![other.serial] };
    assert_eq!(enrol(Some(&named), std::slice::from_ref(&other)), expected);
    let revoked = Certificate { revoked: Some((1, String::new())), ..other.clone() };
    assert_eq!(enrol(Some(&token()), &[revoked]), Verdict::Issue { supersedes: vec![] });
    let expired = Certificate { not_after_ms: NOW_MS, ..other.clone() };
    let expected = Verdict::Issue { supersedes: vec![other.serial] };
    assert_eq!(enrol(Some(&token()), &[expired]), expected);
}

/// The certificate an agent has, issued `age_days` ago for 90 days, as it comes and as it is kept.
fn held(age_days: i64) -> (Presented, Certificate) {
    let issued_ms = NOW_MS - age_days * DAY_MS;
    let authority = Authority::generate(issued_ms).unwrap();
    let (site, key) = (SiteId("demo".into()), Key::new());
    let signed = authority.sign_agent(&key.point(), &site, &agent(), 90, issued_ms).unwrap();
    let presented = Presented::read(&signed.der).unwrap();
    let seen_ms = Some(issued_ms + 1);
    let kept = Certificate { issued_ms, seen_ms, ..presented.to_kept() };
    (presented, kept)
}

const NEXT_KEY: [u8; 32] = [5; 32];

fn renew(presented: &Presented, known: &[Certificate]) -> Verdict {
    decide_renewal(presented, &NEXT_KEY, known, &sites(), GRACE_DAYS, NOW_MS)
}

#[test]
fn the_newest_certificate_is_renewed_before_and_after_its_end() {
    for age_days in [1, 60, 91, 90 + GRACE_DAYS] {
        let (presented, kept) = held(age_days);
        assert_eq!(renew(&presented, &[kept]), Verdict::Issue { supersedes: vec![] }, "{age_days}");
    }
    let (presented, kept) = held(91 + GRACE_DAYS);
    assert_eq!(renew(&presented, &[kept]), Verdict::Refuse(Refused::TooOld));
}

#[test]
fn a_certificate_that_a_restored_store_does_not_know_is_renewed() {
    let (presented, _) = held(60);
    assert_eq!(renew(&presented, &[]), Verdict::Issue { supersedes: vec![] });
}

#[test]
fn a_lost_answer_is_given_again() {
    let (presented, kept) = held(60);
    let next = Certificate { key_hash: NEXT_KEY, ..certificate(9, NOW_MS - 1_000) };
    assert_eq!(renew(&presented, &[next.clone(), kept.clone()]), Verdict::Same(next.serial));
    // Also when the agent has already been heard with it.
    let seen = Certificate { seen_ms: Some(NOW_MS), ..next.clone() };
    assert_eq!(renew(&presented, &[seen, kept.clone()]), Verdict::Same(next.serial));
    // But not when it would have to be renewed at once: the server was off for months in between.
    let old = Certificate { issued_ms: NOW_MS - 60 * DAY_MS, ..next.clone() };
    let old = Certificate { not_after_ms: NOW_MS + 30 * DAY_MS, ..old };
    assert_eq!(renew(&presented, &[old, kept]), Verdict::Issue { supersedes: vec![next.serial] });
}

#[test]
fn an_answer_that_was_lost_with_its_key_does_not_shut_the_agent_out() {
    let (presented, kept) = held(60);
    let lost = certificate(9, NOW_MS - 1_000);
    let expected = Verdict::Issue { supersedes: vec![lost.serial] };
    assert_eq!(renew(&presented, &[lost, kept]), expected);
}

#[test]
fn an_older_certificate_is_not_renewed_once_the_newer_one_was_used() {
    let (presented, kept) = held(60);
    let newer = Certificate { seen_ms: Some(NOW_MS - 10), ..certificate(9, NOW_MS - 1_000) };
    assert_eq!(renew(&presented, &[newer, kept]), Verdict::Refuse(Refused::Revoked));
}

#[test]
fn a_revoked_certificate_is_not_renewed_nor_one_of_a_site_that_is_gone() {
    let (presented, kept) = held(60);
    let revoked = Certificate { revoked: Some((1, "stolen".into())), ..kept.clone() };
    assert_eq!(renew(&presented, &[revoked]), Verdict::Refuse(Refused::Revoked));
    let none = HashSet::new();
    let verdict = decide_renewal(&presented, &NEXT_KEY, &[kept], &none, GRACE_DAYS, NOW_MS);
    assert_eq!(verdict, Verdict::Refuse(Refused::NotAllowed(NotAllowed::SiteGone)));
}
