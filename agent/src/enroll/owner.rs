//! Root enrols as the owner of the state folder: what root writes there the agent could not read, and
//! whoever owns the folder could lead root's hand elsewhere by a link.

use std::{
    env,
    ffi::OsString,
    fs,
    io::Write,
    os::unix::{fs::MetadataExt, process::CommandExt},
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, bail};

use crate::config::Secret;

/// Runs this same command as the owner of `state_dir` and gives what it said; `None` where there is no
/// need: this is not root, or root is the owner.
pub(super) fn act_as_owner(state_dir: &Path, token: &Secret) -> anyhow::Result<Option<String>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let Ok(folder) = fs::metadata(state_dir) else {
        bail!(
            "{dir} does not exist, so it is not known whom the identity is for: make it and give it to the \
             agent's user, e.g. install -d -m 700 -o pantau -g pantau {dir}",
            dir = state_dir.display()
        );
    };
    if folder.uid() == 0 {
        return Ok(None);
    }
    let mut child = Command::new(env::current_exe()?)
        .args(without_token(env::args_os().skip(1)))
        .args(["--token-file", "-"])
        .uid(folder.uid())
        .gid(folder.gid())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| {
            format!(
                "cannot act as the owner of {}: run this command as that user",
                state_dir.display()
            )
        })?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(token.reveal().as_bytes())?;
    }
    let done = child.wait_with_output()?;
    if !done.status.success() {
        // It has said why on standard error.
        bail!("this server was not enrolled");
    }
    Ok(Some(String::from_utf8_lossy(&done.stdout).trim_end().to_owned()))
}

/// The command line without where the token came from: the child gets it on its standard input.
fn without_token(mut typed: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut kept = Vec::new();
    while let Some(arg) = typed.next() {
        let text = arg.to_string_lossy();
        if text == "--token" || text == "--token-file" {
            typed.next();
        } else if !text.starts_with("--token=") && !text.starts_with("--token-file=") {
            kept.push(arg);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_is_not_given_the_token_on_its_command_line() {
        for typed in [
            ["enroll", "--token", "rahasia", "--agent", "app-1"].as_slice(),
            &["enroll", "--token=rahasia", "--agent", "app-1"],
            &["enroll", "--token-file", "rahasia", "--agent", "app-1"],
        ] {
            let kept = without_token(typed.iter().map(OsString::from));
            assert_eq!(kept, ["enroll", "--agent", "app-1"]);
        }
    }
}
