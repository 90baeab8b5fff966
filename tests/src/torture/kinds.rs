//! The kinds of message that the writer knows. Each is one group, told apart by a piece of its template;
//! values differ from one occurrence to the next.

use crate::play;

/// How a log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A Play 1 application.
    Play,
    /// PostgreSQL, `stderr`, with the prefix [`PREFIX`].
    Postgres,
}

/// `log_line_prefix` of the PostgreSQL logs.
pub const PREFIX: &str = "%m [%p] %q%u@%d ";

/// One kind of message.
#[derive(Debug)]
pub struct Kind {
    /// Stands in its group's template, and in no other's.
    pub mark: &'static str,
    /// In which logs it comes.
    pub format: Format,
    /// Ordinary, a line of a strange form, or the mark at the end of a run.
    pub role: Role,
    /// What stands behind the time, for the `n`th occurrence.
    text: fn(u64) -> Vec<u8>,
}

/// What a kind is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Role {
    Plain,
    Odd,
    End,
}

impl PartialEq for Kind {
    fn eq(&self, other: &Kind) -> bool {
        self.mark == other.mark
    }
}

impl Kind {
    /// An occurrence, its lines ended by `\n` but for the last. `time` stands at its beginning; PostgreSQL
    /// repeats it on each line.
    pub fn occurrence(&self, time: &str, n: u64) -> Vec<u8> {
        let text = (self.text)(n);
        match self.format {
            Format::Play => [time.as_bytes(), b" ", &text].concat(),
            Format::Postgres => {
                let prefix = format!("{time} [{}] epns@epns_prod ", 800 + n % 90).into_bytes();
                let lines: Vec<Vec<u8>> =
                    text.split(|b| *b == b'\n').map(|line| [&prefix, line].concat()).collect();
                lines.join(&b'\n')
            }
        }
    }

    /// Least bytes of an occurrence.
    pub fn bytes_min(&self) -> u64 {
        (self.text)(1).len() as u64
    }
}

/// Kinds of a format and role.
pub fn of(format: Format, role: Role) -> Vec<&'static Kind> {
    KINDS.iter().filter(|kind| kind.format == format && kind.role == role).collect()
}

/// The kind of which a template is; `None` for one that nobody wrote.
pub fn by_template(template: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| template.contains(kind.mark))
}

const fn play(mark: &'static str, role: Role, text: fn(u64) -> Vec<u8>) -> Kind {
    Kind { mark, format: Format::Play, role, text }
}

const fn postgres(mark: &'static str, role: Role, text: fn(u64) -> Vec<u8>) -> Kind {
    Kind { mark, format: Format::Postgres, role, text }
}

/// All of them.
pub const KINDS: &[Kind] = &[
    play("NullPointerException", Role::Plain, |n| play::block(0, n).into_bytes()),
    play("No space left on device", Role::Plain, |n| play::block(1, n).into_bytes()),
    play("server mail ditolak", Role::Plain, |n| play::block(2, n).into_bytes()),
    play("login gagal", Role::Plain, |n| play::block(3, n).into_bytes()),
    play("ADP tidak menjawab", Role::Plain, |n| play::block(4, n).into_bytes()),
    play("dokumen kepanjangan", Role::Odd, long),
    play("bukan huruf UTF", Role::Odd, |n| {
        [b"ERROR ~ nama \xe9\xff\xfe bukan huruf UTF pada baris ", n.to_string().as_bytes()]
            .concat()
    }),
    play("penanda akhir", Role::End, |n| format!("ERROR ~ penanda akhir {n}").into_bytes()),
    postgres("duplicate key", Role::Plain, |n| {
        format!(
            "ERROR:  duplicate key value violates unique constraint \"peserta_pkey\"\n\
             DETAIL:  Key (psr_id)=({n}) already exists.\n\
             STATEMENT:  INSERT INTO peserta (psr_id, pkt_id) VALUES ({n}, 1)"
        )
        .into_bytes()
    }),
    postgres("division by zero", Role::Plain, |n| {
        format!("ERROR:  division by zero\nSTATEMENT:  SELECT 1 / (pkt_id - {n}) FROM paket")
            .into_bytes()
    }),
    postgres("does not exist", Role::Plain, |n| {
        format!(
            "ERROR:  relation \"tabel_lama\" does not exist at character 15\n\
             STATEMENT:  SELECT * FROM tabel_lama WHERE id = {n}"
        )
        .into_bytes()
    }),
    postgres("deadlock detected", Role::End, |_| b"ERROR:  deadlock detected".to_vec()),
];

/// Up to more than the tail reads of a line; each longer than what is kept of any message, so that all
/// are one.
fn long(n: u64) -> Vec<u8> {
    let filling = "lampiran ".repeat(15_000 + (n % 5) as usize * 34_000);
    format!("ERROR ~ dokumen kepanjangan {filling}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_told_by_its_own_mark_alone() {
        for kind in KINDS {
            let text = String::from_utf8_lossy(&kind.occurrence("T", 7)).into_owned();
            let told: Vec<_> = KINDS.iter().filter(|other| text.contains(other.mark)).collect();
            assert_eq!(told, [kind]);
        }
    }
}
