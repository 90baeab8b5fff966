use proptest::prelude::*;

use super::*;
use crate::identity::samples::{Ca, HOLDS, OVER, enrol_into};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn an_identity_is_read_back_and_only_its_owner_can_read_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::within(dir.path());
    assert!(store.load().unwrap().is_none());
    let stored = enrol_into(dir.path());
    let read = store.load().unwrap().unwrap();
    assert_eq!((read.site_id.as_str(), read.agent_id.as_str()), ("lpse-contoh", "app-1"));
    assert_eq!(read.certificate, stored.certificate);
    assert_eq!(read.key.pkcs8(), stored.key.pkcs8());
    assert_eq!((mode(&store.dir), mode(&store.file())), (0o700, 0o600));
    assert!(!store.open_to_others().unwrap());
}

#[test]
fn a_file_opened_to_others_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    enrol_into(dir.path());
    let store = Store::within(dir.path());
    fs::set_permissions(store.file(), fs::Permissions::from_mode(0o640)).unwrap();
    assert!(store.open_to_others().unwrap());
}

#[test]
fn a_crash_while_an_identity_is_replaced_leaves_the_old_one() {
    let dir = tempfile::tempdir().unwrap();
    let old = enrol_into(dir.path());
    let store = Store::within(dir.path());
    let rest = store.file().with_extension("new");
    // The new file was begun, and others could read it.
    fs::write(&rest, "{\"site\":").unwrap();
    fs::set_permissions(&rest, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(store.load().unwrap().unwrap().certificate, old.certificate);
    let new = Ca::new().enrolled("127.0.0.1:2".parse().unwrap(), HOLDS);
    store.replace(None, &new, Purpose::Enrolment).unwrap();
    assert_eq!(store.load().unwrap().unwrap().certificate, new.certificate);
    assert_eq!(mode(&store.file()), 0o600);
    assert!(!rest.exists());
}

#[test]
fn a_key_that_waits_is_the_same_for_the_same_exchange_and_private() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::within(dir.path());
    let key = |exchanged: &[u8]| {
        store.pending_key(Purpose::Enrolment, exchanged).unwrap().pkcs8().to_vec()
    };
    let first = key(b"one token");
    assert_eq!(key(b"one token"), first);
    assert_eq!(mode(&store.pending_file(Purpose::Enrolment)), 0o600);
    assert_ne!(key(b"another token"), first);
    fs::write(store.pending_file(Purpose::Enrolment), "{").unwrap();
    assert_ne!(key(b"one token"), first, "a damaged one was lost, and is made anew");
}

#[test]
fn a_renewal_does_not_undo_an_enrolment_that_came_between() {
    let dir = tempfile::tempdir().unwrap();
    let began_with = Ca::new().enrolled("127.0.0.1:1".parse().unwrap(), OVER);
    let between = enrol_into(dir.path());
    let store = Store::within(dir.path());
    let renewed = Ca::new().enrolled("127.0.0.1:1".parse().unwrap(), HOLDS);
    assert!(store.replace(Some(&began_with), &renewed, Purpose::Renewal).is_err());
    assert_eq!(store.load().unwrap().unwrap().certificate, between.certificate);
}

#[test]
fn parts_that_do_not_belong_together_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::within(dir.path());
    let mut mixed = Ca::new().enrolled("127.0.0.1:1".parse().unwrap(), HOLDS);
    mixed.key = Key::make().unwrap().into();
    store.write(&store.file(), &file_of(&mixed)).unwrap();
    assert!(format!("{:#}", store.load().unwrap_err()).contains("not of this server's key"));
    let mut mixed = Ca::new().enrolled("127.0.0.1:1".parse().unwrap(), HOLDS);
    mixed.ca = Ca::new().der();
    store.write(&store.file(), &file_of(&mixed)).unwrap();
    assert!(format!("{:#}", store.load().unwrap_err()).contains("not by the collector's CA"));
    let mut mixed = Ca::new().enrolled("127.0.0.1:1".parse().unwrap(), HOLDS);
    mixed.agent_id = "app".to_owned();
    store.write(&store.file(), &file_of(&mixed)).unwrap();
    assert!(format!("{:#}", store.load().unwrap_err()).contains("for another server"));
}

#[test]
fn a_damaged_file_says_what_to_do_and_shows_nothing_of_the_key() {
    let dir = tempfile::tempdir().unwrap();
    let key = STANDARD.encode(enrol_into(dir.path()).key.pkcs8());
    let store = Store::within(dir.path());
    let text = fs::read_to_string(store.file()).unwrap();
    for damaged in [
        text.replace("\"key\": ", "\"not_after_ms\": "),
        text.replace(&key, &key[4..]),
        text[..text.len() / 2].to_owned(),
    ] {
        fs::write(store.file(), damaged).unwrap();
        let told = format!("{:#}", store.load().unwrap_err());
        assert!(told.contains("enroll --replace") && !told.contains(&key[8..40]), "{told}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_for_an_identity_are_an_error_and_never_a_panic(
        bytes in any::<Vec<u8>>(), at in any::<prop::sample::Index>(), flip in 1u8..
    ) {
        let dir = tempfile::tempdir().unwrap();
        enrol_into(dir.path());
        let store = Store::within(dir.path());
        let mut whole = fs::read(store.file()).unwrap();
        let at = at.index(whole.len());
        whole[at] ^= flip;
        fs::write(store.file(), &whole).unwrap();
        // A flipped address or time can still be read; the rest cannot be another's.
        if let Ok(Some(read)) = store.load() {
            prop_assert!(read.check().is_ok());
        }
        fs::write(store.file(), &bytes).unwrap();
        prop_assert!(store.load().is_err());
        fs::write(store.pending_file(Purpose::Renewal), &bytes).unwrap();
        prop_assert!(store.pending_key(Purpose::Renewal, b"x").is_ok());
    }
}
