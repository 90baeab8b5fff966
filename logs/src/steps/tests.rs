use proptest::prelude::*;

use super::*;

#[test]
fn requests_of_spse_have_their_steps() {
    let steps = Steps::standard();
    for (method, route, step) in [
        ("GET", "/", "beranda"),
        ("GET", "/eproc4", "beranda"),
        ("GET", "/eproc4/login", "login"),
        ("POST", "/eproc4/loginctr/login", "login"),
        ("GET", "/eproc4/logout", "logout"),
        ("GET", "/eproc4/lelang", "cari"),
        ("POST", "/eproc4/dt/lelang", "cari"),
        ("GET", "/eproc4/lelang/<n>/pengumumanlelang", "pengumuman"),
        ("GET", "/lelang/123/pengumuman", "pengumuman"),
        ("GET", "/eproc4/nontender/<n>/pengumumanpl", "pengumuman"),
        ("GET", "/eproc4/lelang/<n>/peserta", "peserta"),
        ("GET", "/eproc4/lelang/<n>/jadwal", "jadwal"),
        ("POST", "/eproc4/lelang/<n>/daftar", "penyedia"),
        ("GET", "/eproc4/lelang/<n>/penjelasan", "penjelasan"),
        ("POST", "/eproc4/penawaran/<n>/unggah", "penawaran"),
        ("GET", "/eproc4/lelang/<n>/pembukaan", "pembukaan"),
        ("GET", "/eproc4/evaluasi/<n>/hasil", "evaluasi"),
        ("GET", "/eproc4/evaluasi/<n>/pemenang", "pengumuman_pemenang"),
        ("POST", "/eproc4/penetapanpemenang/<n>", "penetapan_pemenang"),
        ("GET", "/eproc4/kualifikasi/<n>", "kualifikasi"),
        ("GET", "/eproc4/pembuktiankualifikasi/<n>", "pembuktian"),
        ("POST", "/eproc4/lelang/<n>/sanggah", "sanggah"),
        ("GET", "/eproc4/sppbj/<n>", "sppbj"),
        ("GET", "/eproc4/dl/<token>", "dokumen"),
        ("GET", "/eproc4/a/<file>.pdf", "dokumen"),
        ("GET", "/eproc4/admin/index", "admin"),
        ("GET", "<static css>", "statis"),
        ("GET", "/eproc4/a/b", ""),
        ("", "(no HTTP request)", ""),
    ] {
        assert_eq!(&*steps.of(method, route), step, "{method} {route}");
    }
}

#[test]
fn the_standard_table_is_right_and_every_step_has_requests() {
    let steps = Steps::parse(STANDARD).unwrap();
    for step in steps.all() {
        assert!(steps.rows.iter().any(|row| row.step == step.key), "{step:?}");
    }
}

#[test]
fn the_first_line_that_fits_wins_and_a_step_may_be_opened_again() {
    let table = "[a] A | A\nGET /x\n[b] B | B\n* /x/**\n[a]\n* /**/y\n";
    let steps = Steps::parse(table).unwrap();
    for (method, route, step) in [
        ("GET", "/x", "a"),
        ("POST", "/x", "b"),
        ("GET", "/x/y", "b"),
        ("GET", "/z/X/Y", "a"),
        ("GET", "/y/z", ""),
    ] {
        assert_eq!(&*steps.of(method, route), step, "{method} {route}");
    }
}

#[test]
fn a_wrong_table_says_where_and_what_is_allowed() {
    for (table, expected) in [
        ("GET /x", format!("line 1: \"GET /x\" stands before the first step; allowed: {HEADER}")),
        ("\n[a", format!("line 2: \"[a\" lacks \"]\"; allowed: {HEADER}")),
        ("[A] a | a", format!("line 1: \"A\" is no key; allowed: {KEY}")),
        ("[a] a", format!("line 1: \"a\" are not two labels; allowed: {LABEL}")),
        (
            "[a] a | b\n[a] c | d",
            "line 2: \"a\" has its labels already; allowed: [key] alone".into(),
        ),
        ("[a] a | b\n/x", format!("line 2: \"/x\" is no request; allowed: {REQUEST}")),
        (
            "[a] a | b\nGETS /x",
            format!("line 2: \"GETS /x\" has unknown methods; allowed: {METHOD}"),
        ),
        ("[a] a | b\nGET x", format!("line 2: \"x\" is no route; allowed: {ROUTE}")),
        ("[a] a | b\nGET /a*b", format!("line 2: \"/a*b\" is no route; allowed: {ROUTE}")),
        (
            "[a] a | b\nGET /**/**/**",
            format!("line 2: \"/**/**/**\" is no route; allowed: {ROUTE}"),
        ),
    ] {
        assert_eq!(Steps::parse(table).unwrap_err().to_string(), expected, "{table}");
    }
    let long = "#".repeat(TABLE_BYTES_MAX + 1);
    assert_eq!(Steps::parse(&long).unwrap_err().allowed, SIZE);
}

proptest! {
    #[test]
    fn no_table_stops_its_reader(table in "(\\[[a-z]{0,3}\\]?[ |a]{0,6}\n|[A-Z*,]{0,5} ?[/*a-z<>]{0,20}\n|\\PC{0,20}\n){0,8}", route in "[/a-z<>]{0,40}") {
        if let Ok(steps) = Steps::parse(&table) {
            steps.of("GET", &route);
        }
    }
}
