//! Where the authority is kept: one file, `ca.pem`, with its certificate and its key.
//!
//! The file is linked into place whole, and only where none is yet: of two programs that start at the same
//! time one makes it, and both use it. Several collectors of one store share a copy of the folder.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use super::Authority;

const FILE: &str = "ca.pem";
/// Of the folder.
const FOLDER_MODE: u32 = 0o700;
/// Of the file.
const FILE_MODE: u32 = 0o600;
/// What nobody but the owner may do.
const OTHERS: u32 = 0o077;

/// The authority in `folder`, made when there is none.
pub fn load_or_create(folder: &Path, now_ms: i64) -> Result<Authority> {
    if let Some(authority) = load(folder)? {
        return Ok(authority);
    }
    create(folder, &Authority::generate(now_ms)?)
        .with_context(|| format!("cannot make the CA in ca_dir {}", folder.display()))?;
    load(folder)?.with_context(|| format!("the CA in {} vanished", folder.display()))
}

/// The authority in `folder`, when there is one.
pub fn load(folder: &Path) -> Result<Option<Authority>> {
    let file = folder.join(FILE);
    let pem = match fs::read(&file) {
        Ok(pem) => pem,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read the CA {}", file.display()));
        }
    };
    for (path, mode) in [(folder, FOLDER_MODE), (file.as_path(), FILE_MODE)] {
        is_private(path, mode)?;
    }
    Authority::from_pem(&pem).map(Some).with_context(|| format!("the CA {}", file.display()))
}

/// Whoever reads the key can make himself any server.
fn is_private(path: &Path, wanted: u32) -> Result<()> {
    let mode = fs::metadata(path).with_context(|| path.display().to_string())?.mode() & 0o777;
    if mode & OTHERS != 0 {
        bail!(
            "{0} is open to others (mode {mode:o}), and it guards the key that says who is who: \
             chmod {wanted:o} {0}; if others may have read it, delete ca_dir and enrol every server \
             again",
            path.display()
        );
    }
    Ok(())
}

fn create(folder: &Path, authority: &Authority) -> Result<()> {
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder)?;
    let partial = Partial(folder.join(format!("{FILE}.{:016x}", rand::random::<u64>())));
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(&partial.0)?;
    file.write_all(authority.to_pem().as_bytes())?;
    file.sync_all()?;
    match fs::hard_link(&partial.0, folder.join(FILE)) {
        // Another program was first.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        linked => linked?,
    }
    drop(partial);
    Ok(File::open(folder)?.sync_all()?)
}

/// A file that goes when it is dropped.
struct Partial(PathBuf);

impl Drop for Partial {
    fn drop(&mut self) {
        // What is left behind is private and never read.
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_first_start_makes_it_and_the_next_one_finds_it() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("ca");
        assert!(load(&folder).unwrap().is_none());
        let made = load_or_create(&folder, 1_795_000_000_000).unwrap();
        let found = load_or_create(&folder, 1_799_000_000_000).unwrap();
        assert_eq!(made.sha256(), found.sha256());
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!((mode(&folder), mode(&folder.join(FILE))), (0o700, 0o600));
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "no half file is left");
    }

    #[test]
    fn programs_that_start_at_the_same_time_agree_on_one() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("ca");
        let hashes: Vec<_> = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| load_or_create(&folder, 1_795_000_000_000).unwrap().sha256())
                })
                .collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect()
        });
        assert!(hashes.iter().all(|hash| hash == &hashes[0]), "{hashes:?}");
    }

    #[test]
    fn a_key_that_others_may_read_is_not_used() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("ca");
        load_or_create(&folder, 1_795_000_000_000).unwrap();
        for path in [folder.join(FILE), folder.clone()] {
            let before = fs::metadata(&path).unwrap().permissions();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o750)).unwrap();
            let error = load(&folder).err().unwrap().to_string();
            assert!(error.contains(&format!("{} is open to others", path.display())), "{error}");
            assert!(error.contains("chmod"), "{error}");
            fs::set_permissions(&path, before).unwrap();
        }
    }

    #[test]
    fn a_damaged_file_is_told_and_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("ca");
        load_or_create(&folder, 1_795_000_000_000).unwrap();
        fs::write(folder.join(FILE), "gone").unwrap();
        let error = format!("{:#}", load_or_create(&folder, 1_795_000_000_000).err().unwrap());
        assert!(error.contains("ca.pem") && error.contains("no PEM"), "{error}");
    }
}
