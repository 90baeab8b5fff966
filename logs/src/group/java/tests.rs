use super::*;

const BLOCK: &str = "
@6f02fa9dd
Internal Server Error (500) for request GET /lelang/123

Execution exception (In /app/controllers/Lelang.java around line 88)
PersistenceException occured : could not execute statement

play.exceptions.JavaExecutionException: could not execute statement
\tat play.mvc.ActionInvoker.invoke(ActionInvoker.java:233)
\tat Invocation.HTTP Request(Play!)
Caused by: javax.persistence.PersistenceException: could not execute statement
\tat org.hibernate.ejb.AbstractEntityManagerImpl.convert(AbstractEntityManagerImpl.java:1389)
\tat models.Peserta.simpan(Peserta.java:57)
\tat controllers.Lelang.daftar(Lelang.java:88)
\t... 12 more
Caused by: org.postgresql.util.PSQLException: ERROR: duplicate key value violates unique constraint \"peserta_pkey\"
  Detail: Key (id)=(<value>) already exists.
\tat org.postgresql.core.v3.QueryExecutorImpl.receiveErrorResponse(QueryExecutorImpl.java:2440)
\t... 30 more
";

#[test]
fn exception_root_cause_and_own_frames_are_found() {
    assert_eq!(
        trace(BLOCK),
        Some(Trace {
            exception: "play.exceptions.JavaExecutionException".to_owned(),
            root: "org.postgresql.util.PSQLException".to_owned(),
            message: "ERROR: duplicate key value violates unique constraint \"peserta_pkey\""
                .to_owned(),
            frames: vec![
                "models.Peserta.simpan".to_owned(),
                "controllers.Lelang.daftar".to_owned()
            ],
        })
    );
}

#[test]
fn prose_is_no_trace() {
    assert_eq!(trace("Gagal mengirim email: server tidak menjawab"), None);
    assert_eq!(trace("see http://a.b/Exception"), None);
}

#[test]
fn an_exception_without_frames_is_still_one() {
    let found = trace("Proses gagal\njava.lang.NullPointerException").unwrap();
    assert_eq!((found.root.as_str(), found.frames.len()), ("java.lang.NullPointerException", 0));
}

fn names(block: &str) -> String {
    let Some(trace) = trace(block) else { return "no trace".to_owned() };
    let Trace { exception, root, message, frames } = trace;
    format!("{exception}|{root}|{message}|{}", frames.join(" "))
}

/// Traces as Java, Kotlin, Groovy, Spring and the loggers print them.
#[rustfmt::skip]
const TRACES: &[(&str, &str)] = &[
    ("a.AException: x\n\tat a.B.c(B.java:1)\n\tSuppressed: b.BException: y\n\t\tat b.C.d(C.java:1)\n\t\tSuppressed: e.EException\n\t\t\t... 2 more\n\tCaused by: f.FException: z\n\t\tat f.G.h(G.java:1)\nCaused by: i.IException: w\n\tat i.J.k(J.java:1)\n\t... 3 more\n",
        "a.AException|i.IException|w|i.J.k"),
    ("\ta.AException: x\n\t\tat a.B.c(B.java:1)\n\t\tSuppressed: b.BException: y\n\t\t\tat b.C.d(C.java:1)\n\tCaused by: i.IException: w\n\t\t... 3 more",
        "a.AException|i.IException|w|a.B.c"),
    ("a.AException\nat a.B.c(B.java:1)\nSuppressed: b.BException: y\nat b.C.d(C.java:1)\nCaused by: i.IException: w\n... 3 more",
        "a.AException|i.IException|w|a.B.c"),
    ("a.AException: x\n\tat a.B.c(B.java:1)\nCaused by: b.BException: y\n\t... 1 more\n\t[CIRCULAR REFERENCE:a.AException: x]\nCaused by: [CIRCULAR REFERENCE: a.AException: x]",
        "a.AException|b.BException|y|a.B.c"),
    ("java.lang.RuntimeException: javax.persistence.PersistenceException: org.hibernate.HibernateError: gagal\n\tat a.B.c(B.java:1)",
        "java.lang.RuntimeException|org.hibernate.HibernateError|gagal|a.B.c"),
    ("org.springframework.dao.DaoException: x; nested exception is java.net.ConnectException: refused\n\tat a.B.c(B.java:1)",
        "org.springframework.dao.DaoException|java.net.ConnectException|refused|a.B.c"),
    ("a.AException: baris satu\nbaris dua\n\nbaris tiga: x\n\tat a.B.c(B.java:1)\nCaused by: b.BException:\nbaris satu\nbaris dua\n\t... 1 more",
        "a.AException|b.BException|baris satu|a.B.c"),
    ("GagalException: x\n\tat a.B.c(B.java:1)\nCaused by: Rusak: y\n\t... 1 more",
        "GagalException|Rusak|y|a.B.c"),
    ("GagalException: x", "no trace"),
    ("Oops: NullPointerException", "no trace"),
    ("Exception in thread \"jobs 1\" java.lang.Error: x\n\tat a.B.c(B.java:1)", "java.lang.Error|java.lang.Error|x|a.B.c"),
    ("b.BException: akar\n\tat b.B.c(B.java:1)\nWrapped by: a.AException: x\n\tat a.B.c(B.java:1)",
        "a.AException|b.BException|akar|b.B.c"),
    ("a.AException: x\n\tat a.B.c(B.java:1)\nb.BException: y\n\tat b.B.c(B.java:1)\nCaused by: c.CException\n",
        "a.AException|a.AException|x|a.B.c"),
    ("play.exceptions.TemplateExecutionException: x\n\tat play.templates.BaseTemplate.throwException(BaseTemplate.java:90)\nCaused by: java.lang.NullPointerException: x\n\tat /app/views/lelang/view.html.(line:12)\n\t... 9 more",
        "play.exceptions.TemplateExecutionException|java.lang.NullPointerException|x|/app/views/lelang/view.html"),
    ("models.Paket$TahapException: x\n\tat models.Paket$Tahap.buka(Paket.java:1)", "models.Paket$TahapException|models.Paket$TahapException|x|models.Paket$Tahap.buka"),
];

#[test]
fn traces_of_every_kind_are_named_by_what_failed() {
    for (block, expected) in TRACES {
        assert_eq!(names(block), *expected, "{block}");
    }
}

#[test]
fn what_the_database_said_is_found_in_the_exception() {
    let duplicate = "duplicate key value violates unique constraint \"peserta_pkey\"";
    for (block, expected) in [
        (BLOCK.to_owned(), Some((Severity::Error, duplicate))),
        (
            format!("java.sql.BatchUpdateException: Batch entry 0 insert into peserta values (?) was aborted: ERROR: {duplicate}\n  Rincian: Key (id)=(<value>) already exists.  Call getNextException to see other errors in the batch.\n\tat a.B.c(B.java:1)"),
            Some((Severity::Error, duplicate)),
        ),
        (
            "org.postgresql.util.PSQLException: FATAL: sorry, too many clients already\n\tat a.B.c(B.java:1)".to_owned(),
            Some((Severity::Fatal, "sorry, too many clients already")),
        ),
        (
            "a.AException: x\nCaused by: org.postgresql.util.PSQLException: GALAT: baris satu\nbaris dua\n  Posisi: 12\n".to_owned(),
            Some((Severity::Error, "baris satu\nbaris dua")),
        ),
        ("org.postgresql.util.PSQLException: This connection has been closed.\n".to_owned(), None),
        ("a.AException: ERROR: x".to_owned(), None),
        ("org.postgresql.util.PSQLException: ERROR: ".to_owned(), None),
    ] {
        let expected = expected.map(|(severity, text)| (severity, text.to_owned()));
        assert_eq!(database_message(&block), expected, "{block}");
    }
}

proptest::proptest! {
    #[test]
    fn no_block_stops_it(block in "(\\PC|[\\n\\t:.$/]|\tat |Caused by: |Suppressed: |a\\.BException|SQLException|ERROR: |\\$\\$Lambda|/0x1f|\\(){0,40}") {
        trace(&block);
        database_message(&block);
    }
}

#[test]
fn numbers_that_change_with_each_build_are_dropped() {
    let block = |n: u8| {
        format!(
            "java.lang.Error: x\n\tat java.base/java.lang.A.b(C.java:1)\n\tat app//ext.X.lambda$y${n}(X.java:{n})"
        )
    };
    assert_eq!(trace(&block(1)), trace(&block(2)));
    assert_eq!(trace(&block(1)).unwrap().frames, ["ext.X.lambda$y$"]);
}
