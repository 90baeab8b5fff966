//! A disk that can be full.

use std::{fs::File, io::Write, path::PathBuf, process::Command};

use anyhow::Result;

use crate::scratch::{Scratch, is_root};

/// A small file system of its own over a folder; unmounted when dropped.
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts `kib` KiB over the folder `name` of the scratch folder. `None`: only root can mount.
    pub fn mount(scratch: &Scratch, name: &str, kib: u32) -> Result<Option<SmallDisk>> {
        if !is_root() {
            return Ok(None);
        }
        let path = scratch.dir(name)?;
        let status = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={kib}k,mode=0755"), "tmpfs"])
            .arg(&path)
            .status()?;
        anyhow::ensure!(status.success(), "mount: {status}");
        scratch.give(&path)?;
        Ok(Some(SmallDisk(path)))
    }

    /// Fills it to the last byte.
    pub fn fill(&self) -> Result<()> {
        let mut file = File::create(self.ballast())?;
        while file.write_all(&[7; 512]).is_ok() {}
        Ok(())
    }

    /// Takes away what filled it.
    pub fn free(&self) -> Result<()> {
        Ok(std::fs::remove_file(self.ballast())?)
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
