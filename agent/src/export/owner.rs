//! Root reads the spool as its owner: what root writes there the agent could not read, and whoever owns the
//! folder could lead root's hand elsewhere by a link. The file itself is root's to write.

use std::{
    env,
    ffi::OsString,
    fs::{self, File},
    os::unix::{fs::MetadataExt, process::CommandExt},
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, bail};

/// Runs this same command as the owner of `state_dir`, its bundle into `file`, and gives what it said;
/// `None` where there is no need: this is not root, or root is the owner.
pub(super) fn write_as_owner(state_dir: &Path, file: File) -> anyhow::Result<Option<String>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let folder = fs::metadata(state_dir)
        .with_context(|| format!("{} cannot be read", state_dir.display()))?;
    if folder.uid() == 0 {
        return Ok(None);
    }
    let child = Command::new(env::current_exe()?)
        .args(without_output(env::args_os().skip(1)))
        .args(["--output", super::STDOUT])
        .uid(folder.uid())
        .gid(folder.gid())
        .stdin(Stdio::null())
        .stdout(file)
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| {
            format!("cannot act as the owner of {}: run this as that user", state_dir.display())
        })?;
    let done = child.wait_with_output()?;
    let told = String::from_utf8_lossy(&done.stderr).trim_end().to_owned();
    if !done.status.success() {
        bail!("{told}");
    }
    Ok(Some(told))
}

/// The command line without where the bundle is to go.
fn without_output(mut typed: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut kept = Vec::new();
    while let Some(arg) = typed.next() {
        let text = arg.to_string_lossy();
        if text == "--output" || text == "-o" {
            typed.next();
        } else if !text.starts_with("--output=") && !text.starts_with("-o") {
            kept.push(arg);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_is_not_told_where_the_bundle_goes() {
        for typed in [
            ["export", "-o", "b.zst", "--since", "2026-11-01"].as_slice(),
            &["export", "-ob.zst", "--since", "2026-11-01"],
            &["export", "--output=b.zst", "--since", "2026-11-01"],
            &["export", "--since", "2026-11-01", "--output", "b.zst"],
        ] {
            let kept = without_output(typed.iter().map(OsString::from));
            assert_eq!(kept, ["export", "--since", "2026-11-01"]);
        }
    }
}
