use proptest::prelude::*;

use super::{template, template_into};

/// What each message becomes; the rows of one rule stand together.
#[rustfmt::skip]
const TEMPLATES: &[(&str, &str)] = &[
    // Names of the schema, classes and routes name the error.
    ("duplicate key value violates unique constraint \"peserta_pkey\"", "duplicate key value violates unique constraint \"peserta_pkey\""),
    ("column \"alamat2\" of lelang.tahap3 is missing", "column \"alamat2\" of lelang.tahap3 is missing"),
    ("relation \"public.lelang\" does not exist", "relation \"public.lelang\" does not exist"),
    ("no pg_hba.conf entry", "no pg_hba.conf entry"),
    ("GET /lelang/123/peserta", "GET /lelang/<n>/peserta"),
    ("halaman /lelang/123 tidak ada", "halaman /lelang/<n> tidak ada"),
    ("sha256 and int4 stay, jk2_init() too", "sha256 and int4 stay, jk2_init() too"),
    ("java.net.ConnectException: Connection refused", "java.net.ConnectException: Connection refused"),
    ("id.go.lkpp.Layanan gagal", "id.go.lkpp.Layanan gagal"),
    // Numbers, and what machines make of digits and letters.
    ("lelang 1234567 tidak ditemukan", "lelang <n> tidak ditemukan"),
    ("lelang <nik> tidak  ditemukan", "lelang <n> tidak ditemukan"),
    ("saldo -5 di 1,234,567.00 (6.02E-4)", "saldo <n> di <n> (<n>)"),
    ("relation \"tmp_20261121\" does not exist", "relation \"tmp_<n>\" does not exist"),
    ("session models.Peserta@6f02fa9 lost", "session models.Peserta@<n> lost"),
    ("session models.Peserta@1234567 lost", "session models.Peserta@<n> lost"),
    ("invalid byte sequence for encoding \"UTF8\": 0xe2 0x80 0x99", "invalid byte sequence for encoding \"UTF8\": <n>"),
    ("segment 0000000100000000000000A1 or <token>", "segment <n> or <n>"),
    ("berkas paket7 dan paket12. Selesai", "berkas paket<n> dan paket<n>. Selesai"),
    ("node-148 on eth0 read blk_-106747 of rdd_42_20", "node-<n> on eth<n> read blk_<n> of rdd_<n>"),
    ("card R30-M0-L0-U02-D at u0a81", "card <n> at <n>"),
    ("terminated by primary server at 2A/3000060", "terminated by primary server at <n>"),
    ("Package_for_KB29~31bf3856ad~amd64~~6.1.1.2, v6.1.76.2", "<n>"),
    ("CPU#0 of #1: .5", "CPU#<n> of #<n>: .<n>"),
    // Quantities with their units; time.
    ("canceling after 300ms or 1.5 seconds", "canceling after <duration> or <duration>"),
    ("free 5.2 KB of 17GB, 41C, 100% done", "free <size> of <size>, <n>C, <n>% done"),
    ("lifetime <1 sec", "lifetime <duration>"),
    ("lifetime 00:01", "lifetime <duration>"),
    ("at 2026-11-21 14:03:05.123 WITA", "at <n>"),
    ("at Tue Jul 26 05:47:42 2005", "at <n>"),
    ("at 21/Nov/2026:14:03:05 +0800 or 2026-11-21T14:03:05Z", "at <n> or <n>"),
    ("pada Senin, 21 November 2026 pukul 14:03", "pada <n> pukul <n>"),
    // Hosts in all their forms.
    ("host 10.1.2.0/24 port 5432", "host <host> port <n>"),
    ("dest: /10.1.2.3:50010 and db-1/10.1.2.3:22: lost", "dest: <host> and <host>: lost"),
    ("dari spse.contoh.go.id [10.1.2.3] gagal", "dari <host> gagal"),
    ("connection from 10.1.2.3 () at last", "connection from <host> at last"),
    ("rhost 1-2-3-4.adsl.contoh.net.br from ::ffff:10.0.0.1", "rhost <host> from <host>"),
    ("from <ipv6> or 00:11:43:e3:ba:c3 or localhost:22", "from <host> or <host> or <host>"),
    ("listening on :: port 22", "listening on <host> port <n>"),
    ("mapred.tip.id is deprecated", "mapred.tip.id is deprecated"),
    // Paths, addresses.
    ("cannot open /var/www/html/index.html: gone", "cannot open <path>: gone"),
    ("core: C:\\Windows\\a b", "core: <path> b"),
    ("split hdfs://10.0.0.1:9000/a/b.log:0+729", "split <url>"),
    ("from https://adp.contoh.go.id/api/rekanan/77", "from https://<host>/api/rekanan/<n>"),
    ("com.contoh.app/.view.Main died, com.contoh.app too", "<path> died, <name> too"),
    // Keys and values; objects.
    ("uid=0 tty=ssh ruser= rhost=10.0.0.1  user=root", "uid=<value> tty=<value> ruser= rhost=<value> user=<value>"),
    ("total = 38, boot = none, error = disk full", "total = <value>, boot = <value>, error = disk full"),
    ("room=<memory:0, cores:-27> bounds=Rect(0, 0 - 1, 2).", "room=<value> bounds=<value>."),
    ("enabled:true, opt-in: False", "enabled:<value>, opt-in: <value>"),
    ("a == b, a <= b", "a == b, a <= b"),
    ("Peserta{id=1, nama=x} hilang", "Peserta{<value>} hilang"),
    // People.
    ("Invalid user budi from 10.0.0.1", "Invalid user <user> from <host>"),
    ("Failed password for root from 10.0.0.1 port 22", "Failed password for <user> from <host> port <n>"),
    ("Login gagal untuk pengguna siti dari 10.0.0.1", "Login gagal untuk pengguna <user> dari <host>"),
    ("check pass; user unknown", "check pass; user unknown"),
    ("Closed due to user request.", "Closed due to user request."),
    ("No more user authentication methods", "No more user authentication methods"),
    ("waiting for ShareLock on transaction 7", "waiting for ShareLock on transaction <n>"),
    ("(root) CMD (run-parts /etc/cron.hourly)", "(root) CMD (<text>)"),
    // Rows of any length.
    ("Fan speeds ( 3552 3534 3375 )", "Fan speeds ( <n> )"),
    ("to delete blk_1 blk_-22 blk_333, blk_4", "to delete blk_<n>"),
];

#[test]
fn what_varies_becomes_a_placeholder_and_names_stay() {
    for (message, expected) in TEMPLATES {
        assert_eq!(template(message), *expected);
        assert_eq!(template(expected), *expected);
    }
}

#[test]
fn the_memory_of_a_template_is_used_again() {
    let mut out = "old".to_owned();
    template_into("lelang 7", &mut out);
    assert_eq!(out, "lelang <n>");
}

#[test]
fn texts_made_to_cost_much_cost_what_their_length_says() {
    for part in ["1%", "a{", "=(", "='", "a=", "1:", "@1", "../", "<n>", "user ", "for x "] {
        let long = part.repeat(20_000);
        assert!(template(&long).len() <= 4 * long.len());
    }
}

/// Messages made of others, side by side.
fn messages() -> impl Strategy<Value = String> {
    let known = TEMPLATES.iter().flat_map(|(message, made)| [*message, *made]);
    let known = prop::sample::select(known.collect::<Vec<_>>());
    prop::collection::vec(known, 1..4).prop_map(|messages| messages.join("; "))
}

proptest! {
    #[test]
    fn a_template_is_its_own_template(message in messages()) {
        let once = template(&message);
        prop_assert_eq!(template(&once), once);
    }

    #[test]
    fn no_text_stops_it(message in any::<String>()) {
        template(&message);
    }

    #[test]
    fn only_the_number_differs_only_the_number_is_lost(a in any::<u32>(), b in any::<u64>()) {
        prop_assert_eq!(template(&format!("nomor {a} gagal")), template(&format!("nomor {b} gagal")));
    }
}
