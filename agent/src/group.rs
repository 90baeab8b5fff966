//! `pantau-agent group`: names plain messages, one a line, as the agent names them.

use std::io::{self, BufRead, BufWriter, Write};

use anyhow::Context;
use pantau_logs::understand::MessageNamer;

/// Longer lines are cut.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// What stands between fingerprint and template.
const BETWEEN: char = '\t';

/// Prints `fingerprint<TAB>template` for each line of `input`.
pub fn run(input: impl BufRead, output: impl Write) -> anyhow::Result<()> {
    let mut namer = MessageNamer::default();
    let mut output = BufWriter::with_capacity(LINE_BYTES_MAX, output);
    let written = each_line(input, |line| {
        let (fingerprint, template) = namer.name(line);
        writeln!(output, "{fingerprint:016x}{BETWEEN}{template}")
    });
    match written.and_then(|()| output.flush()) {
        // Who reads has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => done.context("cannot go on"),
    }
}

fn each_line(
    mut input: impl BufRead,
    mut then: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut line = Vec::new();
    loop {
        line.clear();
        let read =
            io::Read::take(&mut input, LINE_BYTES_MAX as u64).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(());
        }
        if !line.ends_with(b"\n") && read == LINE_BYTES_MAX {
            input.skip_until(b'\n')?;
        }
        let bytes = line.strip_suffix(b"\n").unwrap_or(&line);
        then(bytes.strip_suffix(b"\r").unwrap_or(bytes))?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_named_and_long_ones_are_cut() {
        let long =
            format!("lelang 12 gagal\r\n{}\nlelang 13 gagal", "x".repeat(LINE_BYTES_MAX + 9));
        let mut output = Vec::new();
        run(long.as_bytes(), &mut output).unwrap();
        let lines: Vec<_> = output.split(|byte| *byte == b'\n').collect();
        assert_eq!(lines.len(), 4);
        assert_eq!(lines[0], lines[2]);
        assert!(lines[0].ends_with(b"\tlelang <n> gagal"));
    }
}
