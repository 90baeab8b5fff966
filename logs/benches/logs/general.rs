//! Logs of envelopes that many programs use.

use std::io::{self, Write};

use super::{ERROR_EVERY, time};

pub fn json(n: u64, out: &mut Vec<u8>) -> io::Result<()> {
    let at = time(n, '.').replace(' ', "T");
    let head = format!(
        r#"{{"@timestamp":"{at}+07:00","@version":"1","logger_name":"controllers.lelang.LelangCtr","thread_name":"play-thread-{}""#,
        n % 40
    );
    if n.is_multiple_of(ERROR_EVERY) {
        return writeln!(
            out,
            r#"{head},"level":"ERROR","level_value":40000,"message":"gagal menyimpan dokumen {n}","stack_trace":"java.io.IOException: No space left on device\n\tat java.io.FileOutputStream.writeBytes(Native Method)\n\tat utils.UploadUtil.simpan(UploadUtil.java:88)\n\tat controllers.Penawaran.unggah(Penawaran.java:120)\n"}}"#
        );
    }
    writeln!(
        out,
        r#"{head},"level":"INFO","level_value":20000,"message":"dokumen penawaran \"rekanan{}\" diterima, {} bytes","mdc":{{"request":"{n}","tags":["a","b"]}}}}"#,
        n % 7_000,
        n * 37 % 9_000_000
    )
}

pub fn syslog(n: u64, out: &mut Vec<u8>) -> io::Result<()> {
    let head = format!("Nov 21 {} app", time(n, '.').get(11..19).unwrap_or_default());
    if n.is_multiple_of(ERROR_EVERY) {
        return match n / ERROR_EVERY % 3 {
            0 => writeln!(
                out,
                "{head} sshd[{n}]: Failed password for invalid user u{n} from 10.7.1.{} port {} ssh2",
                n % 250,
                n % 60_000
            ),
            1 => writeln!(
                out,
                "{head} kernel: [{n}.123456] blk_update_request: I/O error, dev sdb, sector {n}"
            ),
            _ => writeln!(
                out,
                "{head} postfix/smtp[{n}]: 4F1B{n}: to=<panitia{n}@contoh.go.id>, relay=none, delay=31, dsn=4.4.1, status=deferred (connect to mail.contoh.go.id[10.7.1.2]:25: Connection timed out)"
            ),
        };
    }
    match n % 4 {
        0 => writeln!(out, "{head} systemd[1]: Started Session {n} of user root."),
        1 => writeln!(out, "{head} CRON[{n}]: (root) CMD (/usr/lib/sa/sa1 1 1)"),
        2 => writeln!(
            out,
            "{head} kernel: [{n}.123456] IPv4: martian source 10.7.1.{} from 10.7.2.1, on dev eth0",
            n % 250
        ),
        _ => writeln!(
            out,
            "{head} sshd[{n}]: Accepted publickey for admin from 10.7.1.{} port {} ssh2: RSA SHA256:abc",
            n % 250,
            n % 60_000
        ),
    }
}

pub fn journal(n: u64, out: &mut Vec<u8>) -> io::Result<()> {
    let us = 1_795_244_585_000_000_u64 + n * 25_000;
    let head = format!(
        r#"{{"__CURSOR":"s=0a1b2c3d4e5f;i={n};b=77;m=1;t=2;x=3","__REALTIME_TIMESTAMP":"{us}","__MONOTONIC_TIMESTAMP":"{n}","_BOOT_ID":"77aa77aa77aa77aa77aa77aa77aa77aa","_MACHINE_ID":"88bb88bb88bb88bb88bb88bb88bb88bb","_HOSTNAME":"app","_TRANSPORT":"syslog","_UID":"0","_GID":"0","_CAP_EFFECTIVE":"1ffffffffff","_SELINUX_CONTEXT":"system_u:system_r:init_t:s0","_PID":"{n}""#
    );
    if n.is_multiple_of(ERROR_EVERY) {
        return writeln!(
            out,
            r#"{head},"PRIORITY":"6","SYSLOG_IDENTIFIER":"sshd","_COMM":"sshd","_SYSTEMD_UNIT":"sshd.service","MESSAGE":"Failed password for invalid user u{n} from 10.7.1.2 port 51122 ssh2"}}"#
        );
    }
    writeln!(
        out,
        r#"{head},"PRIORITY":"6","SYSLOG_IDENTIFIER":"systemd","_COMM":"systemd","_SYSTEMD_UNIT":"init.scope","MESSAGE":"Started Session {n} of user \"root\"."}}"#
    )
}

pub fn plain(n: u64, out: &mut Vec<u8>) -> io::Result<()> {
    let at = time(n, ',');
    if n.is_multiple_of(ERROR_EVERY) {
        return writeln!(
            out,
            "[{at}] gagal mengirim berkas {n} ke server cadangan\njava.io.IOException: x\n\tat utils.Cadangan.kirim(Cadangan.java:88)"
        );
    }
    writeln!(
        out,
        "[{at}] berkas {n} disalin ke /home/file/file_prod/{}, {} bytes, lanjut ke berkas berikut",
        n % 900,
        n * 37 % 9_000_000
    )
}
