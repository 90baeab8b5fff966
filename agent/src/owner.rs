//! Root acts as the owner of the state folder: what root writes there the agent could not read, and
//! whoever owns the folder could lead root's hand elsewhere by a link.

use std::{
    env,
    ffi::OsString,
    fs, io,
    os::unix::{fs::MetadataExt, process::CommandExt},
    path::Path,
    process::{Child, Command},
};

use anyhow::Context;

/// Who owns a state folder, where root has to act as somebody else.
pub(crate) struct Owner {
    uid: u32,
    gid: u32,
}

impl Owner {
    /// `None` where there is no need: this is not root, or root is the owner. Errors: the folder cannot be
    /// looked at.
    pub(crate) fn of(state_dir: &Path) -> io::Result<Option<Owner>> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let folder = fs::metadata(state_dir)?;
        Ok((folder.uid() != 0).then(|| Owner { uid: folder.uid(), gid: folder.gid() }))
    }

    /// Runs this same command as the owner, `given` in the place of the options `left_out`; `join` says
    /// where its streams lead.
    pub(crate) fn act(
        &self,
        left_out: &[&str],
        given: [&str; 2],
        join: impl FnOnce(&mut Command) -> &mut Command,
    ) -> anyhow::Result<Child> {
        let mut command = Command::new(env::current_exe()?);
        command.args(without(left_out, env::args_os().skip(1))).args(given);
        command.uid(self.uid).gid(self.gid);
        join(&mut command).spawn().with_context(|| {
            format!(
                "cannot act as the owner of the state folder (user {}): run this command as that user",
                self.uid
            )
        })
    }
}

/// The command line without these options and their values.
fn without(options: &[&str], mut typed: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut kept = Vec::new();
    while let Some(arg) = typed.next() {
        let text = arg.to_string_lossy();
        if options.contains(&&*text) {
            typed.next();
        } else if !options.iter().any(|option| holds_value_of(&text, option)) {
            kept.push(arg);
        }
    }
    kept
}

/// `--name=value`, or `-nvalue`.
fn holds_value_of(arg: &str, option: &str) -> bool {
    let rest = arg.strip_prefix(option);
    rest.is_some_and(|rest| !option.starts_with("--") || rest.starts_with('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_left_out_with_their_values_in_every_way_of_typing_them() {
        let options = ["--token", "--token-file", "--output", "-o"];
        for typed in [
            ["enroll", "--token", "rahasia", "--agent", "app-1"].as_slice(),
            &["enroll", "--token=rahasia", "--agent", "app-1"],
            &["enroll", "--token-file", "rahasia", "--agent", "app-1"],
            &["enroll", "--token-file=rahasia", "--agent", "app-1"],
            &["enroll", "-o", "b.zst", "--agent", "app-1"],
            &["enroll", "-ob.zst", "--agent", "app-1"],
            &["enroll", "--output=b.zst", "--agent", "app-1"],
            &["enroll", "--agent", "app-1", "--output", "b.zst"],
        ] {
            let kept = without(&options, typed.iter().map(OsString::from));
            assert_eq!(kept, ["enroll", "--agent", "app-1"]);
        }
    }
}
