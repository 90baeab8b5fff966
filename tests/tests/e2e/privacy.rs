//! What must not leave a server does not cross the wire.

use std::io::Write;

use anyhow::{Context, Result};
use pantau_tests::{
    agent::{self, Agent},
    eventually,
    postgres::Postgres,
    recorder::Recorder,
    scratch::Scratch,
};

/// Planted, all invented: name, value.
const SECRETS: [(&str, &str); 10] = [
    ("literal", "Rahasia Penawaran Rp 9.812.345.000"),
    ("bind value", "nilai-terikat-4711"),
    ("e-mail", "dewi.lestari@rekanan-contoh.co.id"),
    ("phone", "081234567890"),
    ("international phone", "+6281298765432"),
    ("NIK", "7371012345670001"),
    ("NPWP", "01.234.567.8-901.000"),
    ("token", "eyJhbGciOiJIUzI1NiJ9.c2VzaQ.t4nd4t4ng4n"),
    ("password", "S4ngatRahasia!"),
    ("session", "0f8fad5bd9cb469fa16570867728950e"),
];

#[tokio::test(flavor = "multi_thread")]
async fn planted_secrets_are_in_the_logs_and_not_on_the_wire() -> Result<()> {
    let scratch = Scratch::new()?;
    let settings = "log_min_duration_statement = 0\nlog_parameter_max_length_on_error = -1";
    let postgres = Postgres::start(&scratch, "pg", settings).await?;
    postgres.watcher_role("pantau").await?;
    plant_in_postgres(&postgres).await?;
    let log = scratch.file("application.log", "")?;
    plant_in_play(&log)?;

    let recorder = Recorder::start().await?;
    let sources = [
        agent::play_log(&log),
        agent::postgres_log(&postgres.log()),
        agent::cluster(postgres.port, "pantau", "postgres"),
    ]
    .concat();
    let mut agent = Agent::new(&scratch, recorder.address, &sources)?;
    recorder.enrol(&agent)?;
    agent.start()?;
    let marks = ["tabel_bukti", "bukti_aplikasi"];
    eventually("both logs on the wire", || async {
        marks.iter().all(|mark| contains(&recorder.seen(), mark)).then_some(())
    })
    .await
    .with_context(|| agent.printed())?;
    agent.program()?.stop().await?;

    let logs = [std::fs::read_to_string(postgres.log())?, std::fs::read_to_string(&log)?].concat();
    let (wire, printed) = (recorder.seen(), agent.printed());
    for (name, secret) in SECRETS {
        assert!(logs.contains(secret), "the {name} was not planted");
        assert!(!contains(&wire, secret), "the {name} crossed the wire");
        assert!(!printed.contains(secret), "the {name} is in the agent's own log");
    }
    Ok(())
}

async fn plant_in_postgres(postgres: &Postgres) -> Result<()> {
    let client = postgres.connect("postgres").await?;
    let [literal, bind, .., (_, password), _] = SECRETS;
    client.batch_execute("CREATE TABLE tabel_bukti (isi text UNIQUE)").await?;
    client.batch_execute(&format!("INSERT INTO tabel_bukti VALUES ('{}')", literal.1)).await?;
    for (_, secret) in SECRETS {
        let twice = format!("INSERT INTO tabel_bukti VALUES ('{secret}'), ('{secret}')");
        assert!(client.batch_execute(&twice).await.is_err(), "the detail names the key's value");
        assert!(client.batch_execute(&format!("SELECT '{secret}'::int")).await.is_err());
    }
    client.query("SELECT $1::text", &[&bind.1]).await?;
    assert!(client.query("SELECT ($1::text)::int FROM tabel_bukti", &[&bind.1]).await.is_err());
    client.batch_execute(&format!("CREATE ROLE epns PASSWORD '{password}'")).await?;
    client.batch_execute(&format!("ALTER ROLE epns PASSWORD '{password}'")).await?;
    Ok(())
}

fn plant_in_play(log: &std::path::Path) -> Result<()> {
    let mut file = std::fs::File::options().append(true).open(log)?;
    let now = jiff::Timestamp::now().in_tz(pantau_tests::collector::ZONE)?;
    let at = now.strftime("%Y-%m-%d %H:%M:%S,123");
    let [_, bind, mail, phone, abroad, nik, npwp, token, password, session] =
        SECRETS.map(|(_, secret)| secret);
    writeln!(file, "{at} ERROR ~ bukti_aplikasi: surel ke {mail} (HP {phone}, {abroad}) gagal")?;
    writeln!(file, "{at} ERROR ~ bukti_aplikasi: NIK {nik} NPWP {npwp} tidak cocok")?;
    writeln!(file, "{at} ERROR ~ bukti_aplikasi: Authorization: Bearer {token} ditolak")?;
    writeln!(file, "{at} ERROR ~ bukti_aplikasi: jdbc:postgresql://epns:{password}@localhost/x")?;
    writeln!(
        file,
        "{at} ERROR ~ bukti_aplikasi: Cookie: PLAY_SESSION={session}; password={password}"
    )?;
    writeln!(file, "{at} ERROR ~ bukti_aplikasi: nilai '{bind}' salah")?;
    Ok(())
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
