//! File systems: which are mounted (`/proc/self/mountinfo`), their space and inodes (statvfs), and what
//! their devices have read and written (`/proc/diskstats`).
//!
//! Only file systems on this machine's own disks are asked. Network and user-space ones (nfs, cifs,
//! fuse) are left out: when their server is gone, statvfs hangs, and the thread with it, until it
//! returns. Images that are full by nature (squashfs, iso9660) would be alerts without meaning.

use std::{collections::HashMap, path::Path};

use crate::domain::DiskSample;

/// File systems reported at most.
pub(super) const DISKS_MAX: usize = 32;

/// Unit of the sector counts in `/proc/diskstats`, whatever the device's own sectors are
/// (kernel: Documentation/admin-guide/iostats.rst).
const SECTOR_BYTES: u64 = 512;

/// Types that lie on disks of this machine and can fill.
const LOCAL_TYPES: &[&str] = &[
    "bcachefs", "btrfs", "exfat", "ext2", "ext3", "ext4", "f2fs", "jfs", "nilfs2", "ntfs", "ntfs3",
    "reiserfs", "vfat", "xfs", "zfs",
];

/// One mounted file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mount {
    /// `major:minor` as the kernel writes it.
    device: String,
    point: String,
    file_system: String,
    source: String,
    /// The mount shows the file system from its root, not a folder of it (bind mount).
    whole: bool,
}

/// Mounts worth reporting, one per device, the root first. The root counts whatever its type is (in a
/// container it is an overlay). Of the mounts of one device, the one that shows all of it, else the
/// shortest path.
pub(super) fn mounts(mountinfo: &str) -> Vec<Mount> {
    let mut kept: Vec<Mount> = Vec::new();
    for mount in mountinfo.lines().filter_map(mount).filter(is_reported) {
        // A later mount hides an earlier one on the same point.
        kept.retain(|other| other.point != mount.point);
        match kept.iter_mut().find(|other| other.device == mount.device) {
            Some(other) if rank(&mount) < rank(other) => *other = mount,
            Some(_) => {}
            None => kept.push(mount),
        }
    }
    kept.sort_by_key(|mount| mount.point != "/");
    kept
}

fn is_reported(mount: &Mount) -> bool {
    mount.point == "/" || LOCAL_TYPES.contains(&mount.file_system.as_str())
}

fn rank(mount: &Mount) -> (bool, bool, usize) {
    (mount.point != "/", !mount.whole, mount.point.len())
}

/// One line, proc(5): `36 35 98:0 /root /point rw,noatime master:1 - ext3 /dev/sda1 rw`.
fn mount(line: &str) -> Option<Mount> {
    let (before, after) = line.split_once(" - ")?;
    let mut before = before.split(' ').skip(2);
    let (device, root, point) = (before.next()?, before.next()?, before.next()?);
    let mut after = after.split(' ');
    Some(Mount {
        device: device.to_owned(),
        point: unescaped(point),
        file_system: after.next()?.to_owned(),
        source: unescaped(after.next()?),
        whole: root == "/",
    })
}

/// The kernel writes space, tab, newline and backslash as three octal digits.
fn unescaped(text: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(text.to_owned(), |text, (escaped, plain)| text.replace(escaped, plain))
}

/// Bytes read and written since boot, by `major:minor` and by device name.
#[derive(Debug, Default)]
pub(super) struct DeviceCounters(HashMap<String, (u64, u64)>);

impl DeviceCounters {
    /// Reads `/proc/diskstats`; lines that are not understood are left out.
    pub(super) fn parse(diskstats: &str) -> DeviceCounters {
        let mut counters = HashMap::new();
        for line in diskstats.lines() {
            let fields: Vec<&str> = line.split_whitespace().take(10).collect();
            let [major, minor, name, _, _, read, _, _, _, written] = fields.as_slice() else {
                continue;
            };
            let (Ok(read), Ok(written)) = (read.parse::<u64>(), written.parse::<u64>()) else {
                continue;
            };
            let bytes = (read.saturating_mul(SECTOR_BYTES), written.saturating_mul(SECTOR_BYTES));
            counters.insert(format!("{major}:{minor}"), bytes);
            counters.insert((*name).to_owned(), bytes);
        }
        DeviceCounters(counters)
    }

    /// Of a mount's device; (0, 0) where the kernel does not tell. btrfs shows a device number of its
    /// own, so the name helps where the number does not.
    fn of(&self, mount: &Mount) -> (u64, u64) {
        let by_name = || self.0.get(mount.source.strip_prefix("/dev/")?);
        self.0.get(&mount.device).or_else(by_name).copied().unwrap_or((0, 0))
    }
}

/// Asks one mount; `None` when it answers nothing or has no size.
pub(super) fn sample(mount: &Mount, counters: &DeviceCounters) -> Option<DiskSample> {
    let space = rustix::fs::statvfs(mount.point.as_str()).ok()?;
    if space.f_blocks == 0 {
        return None;
    }
    let (read_bytes, written_bytes) = counters.of(mount);
    Some(DiskSample {
        mount: mount.point.clone(),
        file_system: mount.file_system.clone(),
        total_bytes: space.f_blocks.saturating_mul(space.f_frsize),
        free_bytes: space.f_bavail.saturating_mul(space.f_frsize),
        inodes_total: space.f_files,
        inodes_free: space.f_favail,
        read_bytes,
        written_bytes,
    })
}

/// Bytes that an unprivileged user may still write below `path`, which need not exist yet.
pub(crate) fn free_bytes(path: &Path) -> std::io::Result<u64> {
    let existing = path.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    let space = rustix::fs::statvfs(existing)?;
    Ok(space.f_bavail.saturating_mul(space.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTINFO: &str = "\
22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
28 27 0:25 / /run rw,nosuid - tmpfs tmpfs rw
30 27 254:0 /var/lib/x /srv/bind rw - ext4 /dev/vda rw
31 27 254:16 / /home/file\\040prod rw shared:1 - xfs /dev/vdb rw
32 27 0:50 / /mnt/nfs rw - nfs4 server:/export rw
33 27 7:1 / /snap/core ro - squashfs /dev/loop1 ro
34 27 254:32 / /mnt/old rw - ext4 /dev/vdc rw
35 27 254:48 / /mnt/old rw - ext4 /dev/vdd rw
36 27 0:60 / /data rw - btrfs /dev/vde rw
37 27 0:60 /@home /home rw - btrfs /dev/vde rw
not a mount
";

    #[test]
    fn own_disks_are_kept_once_each_with_the_root_first() {
        let mounts = mounts(MOUNTINFO);
        let points: Vec<_> = mounts.iter().map(|mount| mount.point.as_str()).collect();
        assert_eq!(points, ["/", "/home/file prod", "/mnt/old", "/data"]);
        assert_eq!(mounts[2].source, "/dev/vdd", "the later mount hides the earlier");
    }

    #[test]
    fn the_root_of_a_container_is_kept_though_it_is_an_overlay() {
        let mounts =
            mounts("1 0 0:99 / / rw - overlay overlay rw\n2 1 0:98 / /x rw - overlay o rw");
        assert_eq!(mounts.len(), 1);
        assert_eq!(mounts[0].file_system, "overlay");
    }

    #[test]
    fn counters_are_found_by_number_or_by_name() {
        let counters = DeviceCounters::parse(
            " 254 0 vda 248925 13420 1000 549758 38175 160369 2000 247213 0 39880 798268\n\
             \x20254 64 vde 1 1 3 1 1 1 4 1 0 1 1\n 7 0 short\n",
        );
        let mounts = mounts(MOUNTINFO);
        assert_eq!(counters.of(&mounts[0]), (512_000, 1_024_000));
        assert_eq!(counters.of(&mounts[3]), (3 * 512, 4 * 512));
        assert_eq!(counters.of(&mounts[1]), (0, 0));
    }

    #[test]
    fn free_space_is_told_for_a_folder_that_does_not_exist_yet() {
        let dir = tempfile::tempdir().unwrap();
        assert!(free_bytes(&dir.path().join("spool/of/later")).unwrap() > 0);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "[0-9:/ a-z\\\\\n-]{0,200}") {
            let _ = (mounts(&text), DeviceCounters::parse(&text));
        }
    }
}
