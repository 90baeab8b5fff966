//! The table of system messages: program, parts of the message, how bad, what may be shown, and a sample.
//! Messages as the sources write them: Linux (mm/oom_kill.c, block/blk-core.c, fs/ext4/super.c,
//! fs/xfs/xfs_message.c, kernel/hung_task.c), systemd (src/core/job.c, unit.c), OpenSSH (auth.c), sudo
//! (plugins/sudoers/logging.c), Linux-PAM, cronie, Postfix (src/global/log_adhoc.c), sendmail, smartmontools, mdadm, chrony,
//! ntp, systemd-journald and rsyslog. One event writes several lines: the table has one of them.

use crate::entry::Severity::{self, Error, Fatal, Panic, Warning};

/// One rule.
pub(super) struct Rule {
    /// Stand in the message in this order; the first at its beginning where it begins with `^`.
    pub(super) parts: &'static [&'static str],
    pub(super) severity: Severity,
    pub(super) shown: Shown,
    #[cfg(test)]
    pub(super) sample: &'static str,
    #[cfg(test)]
    pub(super) expected: &'static str,
}

/// What of a message may be shown. Names of users and commands come from whoever tries to get in: a
/// password typed as the name is among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    Whole,
    /// From the first part on: before it stand numbers of messages and addresses.
    From,
    /// The first part.
    Only,
}

use Shown::{From, Only, Whole};

/// A rule whose whole message is shown, or (last form) what is shown of its sample.
macro_rules! rule {
    ($parts:expr, $severity:ident, $sample:literal) => {
        rule!($parts, $severity, Whole, $sample, $sample)
    };
    ($parts:expr, $severity:ident, $shown:ident, $sample:literal, $expected:literal) => {
        Rule {
            parts: &$parts,
            severity: $severity,
            shown: $shown,
            #[cfg(test)]
            sample: $sample,
            #[cfg(test)]
            expected: $expected,
        }
    };
}

/// Programs (none: any) and their rules; the first that fits wins.
#[rustfmt::skip]
pub(super) const TABLE: &[(&[&[u8]], &[Rule])] = &[
    (&[b"kernel"], &[
        rule!(["ut of memory: Kill"], Fatal, "Out of memory: Killed process 2211 (java) total-vm:9437184kB, anon-rss:4194304kB, file-rss:0kB"),
        rule!(["Buffer I/O error on"], Error, "Buffer I/O error on dev sdb1, logical block 262144, lost async page write"),
        rule!(["I/O error, dev"], Error, "blk_update_request: I/O error, dev sdb, sector 2099200 op 0x0:(READ) flags 0x80700"),
        rule!(["I/O error"], Error, "sd 2:0:0:0: rejecting I/O error"),
        rule!(["EXT4-fs error"], Error, "EXT4-fs error (device sda2): ext4_find_entry:1455: inode #131074: comm java: reading directory lblock 0"),
        rule!(["emounting filesystem read-only"], Fatal, "EXT4-fs (sda2): Remounting filesystem read-only"),
        rule!(["XFS (", "orruption"], Error, "XFS (dm-0): Metadata corruption detected at xfs_inode_buf_verify, xfs_inode block 0x1f8"),
        rule!(["XFS (", "metadata I/O error"], Error, "XFS (dm-0): log metadata I/O error"),
        rule!(["XFS (", "hutting down"], Fatal, "XFS (dm-0): Filesystem has been shut down due to log error (0x2). Shutting down filesystem"),
        rule!(["XFS (", "hut down"], Fatal, "XFS (dm-0): Filesystem has been shut down due to log error (0x2)."),
        rule!(["edium Error"], Error, "sd 0:0:0:0: [sda] Sense Key : Medium Error [current]"),
        rule!([": failed command: "], Error, "ata1.00: failed command: READ FPDMA QUEUED"),
        rule!(["^md/raid", "Disk failure on"], Error, "md/raid1:md0: Disk failure on sdb1, disabling device."),
        rule!(["^nvme ", "timeout"], Error, "nvme nvme0: I/O 26 QID 4 timeout, aborting"),
        rule!([": segfault at "], Error, "java[2211]: segfault at 0 ip 00007f1c2a sp 00007f1c error 4 in libjvm.so[7f1c29+d8]"),
        rule!(["general protection fault"], Error, "traps: java[2211] general protection fault ip:7f1c sp:7f1d error:0"),
        rule!(["Kernel panic"], Panic, "Kernel panic - not syncing: Fatal exception"),
        rule!(["soft lockup"], Error, "watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [java:2211]"),
        rule!(["^INFO: task ", "blocked for more than"], Error, "INFO: task java:2211 blocked for more than 120 seconds."),
        rule!(["[Hardware Error]"], Error, "mce: [Hardware Error]: Machine check events logged"),
        rule!(["temperature above threshold"], Warning, "CPU0: Core temperature above threshold, cpu clock throttled (total events = 1)"),
        rule!(["table full, dropping packet"], Error, "nf_conntrack: nf_conntrack: table full, dropping packet"),
        rule!(["ossible SYN flooding"], Warning, "TCP: request_sock_TCP: Possible SYN flooding on port 443. Sending cookies."),
        rule!(["Link is Down"], Warning, "e1000e 0000:00:19.0 eno1: NIC Link is Down"),
    ]),
    (&[b"systemd"], &[
        rule!([": Failed with result '"], Error, "postgresql-15.service: Failed with result 'exit-code'."),
        rule!(["entered failed state"], Error, "Unit httpd.service entered failed state."),
        rule!(["^Failed to mount "], Error, "Failed to mount /home/file."),
    ]),
    (&[b"sshd", b"sshd-session"], &[
        rule!(["^Failed password for "], Warning, Only, "Failed password for invalid user budi from 10.7.1.2 port 51122 ssh2", "Failed password for"),
        rule!(["maximum authentication attempts exceeded"], Warning, Only, "error: maximum authentication attempts exceeded for budi from 10.7.1.2 port 51122 ssh2 [preauth]", "maximum authentication attempts exceeded"),
    ]),
    (&[b"sudo"], &[
        rule!(["incorrect password attempt"], Warning, Only, "budi : 3 incorrect password attempts ; TTY=pts/0 ; PWD=/home/budi ; USER=root ; COMMAND=/bin/bash", "incorrect password attempt"),
        rule!(["user NOT in sudoers"], Warning, Only, "budi : user NOT in sudoers ; TTY=pts/0 ; PWD=/home/budi ; USER=root ; COMMAND=/bin/bash", "user NOT in sudoers"),
        rule!(["command not allowed"], Warning, Only, "budi : command not allowed ; TTY=pts/0 ; PWD=/home/budi ; USER=root ; COMMAND=/bin/bash", "command not allowed"),
    ]),
    (&[b"su", b"login", b"vsftpd", b"polkitd", b"gdm-password", b"dovecot", b"cockpit-session"], &[
        rule!(["authentication failure"], Warning, Only, "pam_unix(su:auth): authentication failure; logname=budi uid=1000 euid=0 tty=pts/0 ruser=budi rhost=  user=root", "authentication failure"),
        rule!(["^FAILED SU"], Warning, Only, "FAILED SU (to root) budi on pts/0", "FAILED SU"),
        rule!(["^FAILED LOGIN"], Warning, Only, "FAILED LOGIN 1 FROM tty1 FOR budi, Authentication failure", "FAILED LOGIN"),
    ]),
    (&[b"CRON", b"crond", b"cron", b"anacron"], &[
        rule!(["failed with exit status"], Warning, "grandchild #2211 failed with exit status 1"),
        rule!(["FAILED to "], Error, "(root) FAILED to open PAM security session (Cannot make/remove an entry)"),
        rule!(["(CRON) error"], Error, "(CRON) error (can't fork)"),
        rule!(["^Error: bad "], Error, "Error: bad minute; while reading /etc/cron.d/cadangan"),
    ]),
    (&[b"postfix"], &[
        rule!(["status=bounced"], Error, From, "4F1B2C: to=<panitia@contoh.go.id>, relay=none, delay=0.1, dsn=5.4.4, status=bounced (Host or domain name not found)", "status=bounced (Host or domain name not found)"),
        rule!(["status=deferred"], Warning, From, "4F1B2C: to=<panitia@contoh.go.id>, relay=none, delay=31, dsn=4.4.1, status=deferred (connect to mail.contoh.go.id[10.7.1.2]:25: Connection timed out)", "status=deferred (connect to mail.contoh.go.id[10.7.1.2]:25: Connection timed out)"),
        rule!(["authentication failed"], Warning, Only, "warning: unknown[10.7.1.2]: SASL LOGIN authentication failed: UGFzc3dvcmQ6", "authentication failed"),
        rule!(["^fatal: "], Fatal, "fatal: open database /etc/aliases.db: No such file or directory"),
        rule!(["^panic: "], Panic, "panic: vstream_buf_get_ready: unexpected read"),
        rule!(["^error: "], Error, "error: open active 4F1B2C: No such file or directory"),
    ]),
    (&[b"sendmail", b"sm-mta"], &[
        rule!(["stat=Deferred"], Warning, From, "2AL73: to=<panitia@contoh.go.id>, delay=00:00:31, stat=Deferred: Connection timed out with mail.contoh.go.id.", "stat=Deferred: Connection timed out with mail.contoh.go.id."),
        rule!(["stat=User unknown"], Error, Only, "2AL73: to=<panitia@contoh.go.id>, dsn=5.1.1, stat=User unknown", "stat=User unknown"),
        rule!(["stat=Service unavailable"], Error, Only, "2AL73: to=<panitia@contoh.go.id>, dsn=5.0.0, stat=Service unavailable", "stat=Service unavailable"),
    ]),
    (&[b"smartd"], &[
        rule!(["FAILED SMART"], Fatal, "Device: /dev/sda [SAT], FAILED SMART self-check. BACK UP DATA NOW!"),
        rule!(["unreadable (pending) sectors"], Error, "Device: /dev/sda [SAT], 8 Currently unreadable (pending) sectors"),
        rule!(["ffline uncorrectable sectors"], Error, "Device: /dev/sda [SAT], 8 Offline uncorrectable sectors"),
    ]),
    (&[b"mdadm"], &[
        rule!(["^Fail"], Error, "Fail event detected on md device /dev/md0, component device /dev/sdb1"),
        rule!(["^DegradedArray"], Error, "DegradedArray event detected on md device /dev/md0"),
    ]),
    (&[b"chronyd", b"ntpd", b"systemd-timesyncd"], &[
        rule!(["^System clock wrong by"], Warning, "System clock wrong by 312.482 seconds"),
        rule!(["^Can't synchronise"], Warning, "Can't synchronise: no selectable sources"),
        rule!(["^Timed out waiting for reply"], Warning, "Timed out waiting for reply from 10.7.1.2:123 (ntp.contoh.go.id)."),
        rule!(["o servers reachable"], Warning, "no servers reachable"),
    ]),
    (&[b"systemd-journald", b"systemd-journal", b"rsyslogd"], &[
        rule!(["^Suppressed "], Warning, "Suppressed 4211 messages from spse.service"),
        rule!(["messages lost due to rate-limiting"], Warning, "imjournal: 4211 messages lost due to rate-limiting"),
    ]),
    (&[], &[
        rule!(["o space left on device"], Error, "cannot write /var/lib/x: No space left on device"),
    ]),
];
