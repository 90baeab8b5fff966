//! Identity on disk: the folder `identity` of the state folder, mode 0700, its files 0600.
//!
//! | file | what |
//! |---|---|
//! | `identity.json` | all of the identity: names, address, key, certificate, CA |
//! | `enrolling.json` | a key that a token was sent with, and not yet an answer |
//! | `renewing.json` | a key that is to follow the one in use, and not yet an answer |
//!
//! Each is written whole beside its place, synced, and renamed into it: whenever the machine stops, a file
//! is the old one or the new one. All of the identity is one file, so that a key never stands beside the
//! certificate of another. A key is on disk before it is asked for, and asked for again if the answer was
//! lost: the collector then gives the same certificate. Binary values are base64; a file is at most
//! [`FILE_BYTES_MAX`].

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use base64::{Engine, engine::general_purpose::STANDARD};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{Enrolled, key::Key};
use crate::config::Address;

/// A file is far below; more is another file.
const FILE_BYTES_MAX: u64 = 64 * 1024;
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// The folder.
#[derive(Clone, Debug)]
pub struct Store {
    dir: PathBuf,
}

/// What a key is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Enrolment,
    Renewal,
}

#[derive(Serialize, Deserialize)]
struct IdentityFile {
    site: String,
    agent: String,
    collector: Address,
    not_before_ms: i64,
    not_after_ms: i64,
    key: String,
    certificate: String,
    ca: String,
}

#[derive(Serialize, Deserialize)]
struct PendingFile {
    /// Hash of what is exchanged: the token, or the certificate in use.
    mark: String,
    key: String,
}

impl Store {
    /// Below a state folder; touches nothing.
    pub fn within(state_dir: &Path) -> Store {
        Store { dir: state_dir.join("identity") }
    }

    /// The file of the identity, for messages.
    pub fn file(&self) -> PathBuf {
        self.dir.join("identity.json")
    }

    /// The identity; `None` before the first enrolment. Errors: it is there and cannot be used.
    pub fn load(&self) -> anyhow::Result<Option<Enrolled>> {
        let file = self.file();
        let unusable = || {
            format!(
                "the identity {} cannot be used; let the agent's user read it, or ask for a token and run \
                 `pantau-agent enroll --replace`",
                file.display()
            )
        };
        let Some(read) = read::<IdentityFile>(&file).with_context(unusable)? else {
            return Ok(None);
        };
        let enrolled = enrolled(read).with_context(unusable)?;
        Ok(Some(enrolled))
    }

    /// Replaces `known`, which the caller began with, and forgets the key that waited. Errors: another was
    /// stored since.
    pub(super) fn replace(
        &self,
        known: Option<&Enrolled>,
        new: &Enrolled,
        purpose: Purpose,
    ) -> anyhow::Result<()> {
        if purpose == Purpose::Renewal {
            let now = self.load()?.map(|now| now.certificate);
            if now.as_ref() != known.map(|known| &known.certificate) {
                bail!("this server was enrolled anew meanwhile; the older certificate is let go");
            }
        }
        self.write(&self.file(), &file_of(new))?;
        match fs::remove_file(self.pending_file(purpose)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// The key that waits for the answer to `exchanged`, or a new one. It is on disk when this returns.
    pub(super) fn pending_key(&self, purpose: Purpose, exchanged: &[u8]) -> anyhow::Result<Key> {
        let file = self.pending_file(purpose);
        let mark = STANDARD.encode(digest(&SHA256, exchanged));
        // One that is damaged or of another exchange was never answered: it is of no use.
        let known = read::<PendingFile>(&file).ok().flatten().filter(|known| known.mark == mark);
        let known = known.and_then(|known| Key::from_pkcs8(bytes(&known.key).ok()?).ok());
        if let Some(key) = known {
            return Ok(key);
        }
        let key = Key::make()?;
        self.write(&file, &PendingFile { mark, key: STANDARD.encode(key.pkcs8()) })?;
        Ok(key)
    }

    /// Who else can read the key, if anyone can.
    pub fn open_to_others(&self) -> io::Result<bool> {
        let mode = |path: &Path| fs::metadata(path).map(|found| found.permissions().mode());
        Ok((mode(&self.dir)? | mode(&self.file())?) & 0o077 != 0)
    }

    fn pending_file(&self, purpose: Purpose) -> PathBuf {
        self.dir.join(match purpose {
            Purpose::Enrolment => "enrolling.json",
            Purpose::Renewal => "renewing.json",
        })
    }

    fn write(&self, file: &Path, content: &impl Serialize) -> anyhow::Result<()> {
        self.make_folder()?;
        write_whole(&self.dir, file, &serde_json::to_vec_pretty(content)?).with_context(|| {
            format!("{} cannot be written; let the agent's user write there", file.display())
        })
    }

    fn make_folder(&self) -> anyhow::Result<()> {
        let made = DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(&self.dir);
        let kept = made.and_then(|()| {
            // A folder that was there may have been opened to others.
            fs::set_permissions(&self.dir, fs::Permissions::from_mode(FOLDER_MODE))
        });
        kept.with_context(|| {
            format!("{} cannot be made; let the agent's user write there", self.dir.display())
        })
    }
}

fn write_whole(dir: &Path, file: &Path, content: &[u8]) -> io::Result<()> {
    let new = file.with_extension("new");
    // A rest of an interrupted attempt may have another mode.
    let _ = fs::remove_file(&new);
    let mut opened = OpenOptions::new().create_new(true).write(true).mode(FILE_MODE).open(&new)?;
    opened.write_all(content)?;
    opened.sync_all()?;
    fs::rename(&new, file)?;
    File::open(dir)?.sync_all()
}

fn read<T: DeserializeOwned>(file: &Path) -> anyhow::Result<Option<T>> {
    let opened = match File::open(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let mut content = Vec::new();
    opened.take(FILE_BYTES_MAX).read_to_end(&mut content)?;
    match serde_json::from_slice(&content) {
        Ok(read) => Ok(Some(read)),
        // Its own words could show a part of the key.
        Err(error) => bail!("damaged at line {}, column {}", error.line(), error.column()),
    }
}

fn enrolled(file: IdentityFile) -> anyhow::Result<Enrolled> {
    let enrolled = Enrolled {
        site_id: file.site,
        agent_id: file.agent,
        collector: file.collector,
        not_before_ms: file.not_before_ms,
        not_after_ms: file.not_after_ms,
        key: Key::from_pkcs8(bytes(&file.key)?)?.into(),
        certificate: bytes(&file.certificate)?,
        ca: bytes(&file.ca)?,
    };
    enrolled.check()?;
    Ok(enrolled)
}

fn file_of(enrolled: &Enrolled) -> IdentityFile {
    IdentityFile {
        site: enrolled.site_id.clone(),
        agent: enrolled.agent_id.clone(),
        collector: enrolled.collector.clone(),
        not_before_ms: enrolled.not_before_ms,
        not_after_ms: enrolled.not_after_ms,
        key: STANDARD.encode(enrolled.key.pkcs8()),
        certificate: STANDARD.encode(&enrolled.certificate),
        ca: STANDARD.encode(&enrolled.ca),
    }
}

fn bytes(text: &str) -> anyhow::Result<Vec<u8>> {
    STANDARD.decode(text).map_err(|_| anyhow::anyhow!("damaged base64"))
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
