//! Classes of the application's errors, each beside samples in the languages in which it is met. The first
//! row that fits wins, so the particular stand before the general.

use super::Class;

/// What goes wrong between the application and another service. Where that service is a central one, its
/// class is [`CENTRAL_SYSTEM`]: whoever runs the server cannot repair it.
pub const TOWARDS_OTHERS: &[&str] = &[
    "application.timeout",
    "application.connection",
    "application.tls",
    "application.server_error",
    "application.other",
];

/// The class of failures of ADP, INAPROC and other services that LKPP runs for all.
pub const CENTRAL_SYSTEM: &str = "application.central_system";

/// Names of those services as words begin with them, lower case: also in `services.AdpClient`.
pub const CENTRAL_NAMES: &[&str] = &["adp", "inaproc", "lkpp"];

/// One row: name, whether it is a failed process, exceptions, messages, and the samples: exceptions and
/// message of an error.
const fn class(
    name: &'static str,
    failed_process: bool,
    exceptions: &'static [&'static str],
    messages: &'static [&'static str],
    samples: &'static [(&'static str, &'static str)],
) -> Class {
    #[cfg(not(test))]
    let _ = samples;
    Class {
        name,
        failed_process,
        sqlstates: &[],
        exceptions,
        messages,
        #[cfg(test)]
        samples,
    }
}

#[rustfmt::skip]
pub const CLASSES: &[Class] = &[
    class("application.disk_full", true,
        &[],
        &["no space left on device", "disk quota exceeded", "not enough space on the disk", "disk penuh", "disk sudah penuh", "ruang disk", "ruang penyimpanan", "penyimpanan penuh", "tidak ada ruang", "tak ada ruang"],
        &[("java.io.IOException", "No space left on device"), ("", "Gagal menyimpan dokumen: disk penuh"), ("", "Ruang penyimpanan tidak mencukupi")]),
    class("application.out_of_memory", true,
        &["OutOfMemoryError"],
        &["java heap space", "gc overhead limit", "unable to create new native thread", "unable to create native thread", "cannot allocate memory", "kehabisan memori", "memori habis", "memori tidak cukup", "memori tidak mencukupi"],
        &[("java.lang.OutOfMemoryError", "Java heap space"), ("", "java.lang.OutOfMemoryError: GC overhead limit exceeded"), ("", "Server kehabisan memori")]),
    class("application.pool_exhausted", true,
        &["PoolInitializationException", "PoolExhaustedException", "SQLTransientConnectionException"],
        &["connection is not available, request timed out", "cannot get a connection, pool", "checkout a connection has timed out", "attempt to checkout", "pool exhausted", "kehabisan koneksi", "koneksi habis", "koneksi database habis", "koneksi basis data habis", "pool koneksi"],
        &[("java.sql.SQLTransientConnectionException", "HikariPool-<n> - Connection is not available, request timed out after <n>ms."), ("", "Koneksi database habis")]),
    class("application.lock", true,
        &["PessimisticLockException", "LockTimeoutException", "OptimisticLockException", "StaleObjectStateException", "StaleStateException", "CannotAcquireLockException"],
        &["row was updated or deleted by another transaction", "data sedang dikunci", "data telah diubah oleh pengguna lain", "data sudah diubah oleh pengguna lain"],
        &[("javax.persistence.OptimisticLockException", "Row was updated or deleted by another transaction"), ("javax.persistence.LockTimeoutException", "could not execute query"), ("", "Data telah diubah oleh pengguna lain")]),
    class("application.decrypt", true,
        &["BadPaddingException", "IllegalBlockSizeException", "AEADBadTagException", "javax.crypto"],
        &["dekrip", "decrypt", "gagal membuka penawaran", "gagal membuka dokumen penawaran", "gagal membuka file penawaran", "given final block not properly padded"],
        &[("javax.crypto.BadPaddingException", "Given final block not properly padded"), ("", "Gagal mendekrip dokumen penawaran"), ("", "Gagal membuka dokumen penawaran <n>"), ("", "Unable to decrypt file")]),
    class("application.tls", true,
        &["SSLHandshakeException", "SSLException", "CertificateExpiredException", "CertificateNotYetValidException", "CertPathValidatorException", "SSLPeerUnverifiedException"],
        &["pkix path", "certificate expired", "certificate has expired", "ssl_do_handshake() failed", "ssl handshake", "ssl library error", "cannot load certificate", "handshake_failure", "sertifikat ssl", "sertifikat tls", "sertifikat server", "sertifikat kedaluwarsa", "sertifikat kedaluarsa", "sertifikat kadaluwarsa", "sertifikat kadaluarsa", "sertifikat telah kedaluwarsa", "sertifikat telah kadaluarsa"],
        &[("javax.net.ssl.SSLHandshakeException", "PKIX path building failed"), ("", "Sertifikat SSL tidak dikenal"), ("", "sertifikat telah kedaluwarsa")]),
    class("application.mail", true,
        &["MailException", "EmailException", "MessagingException", "SMTPAddressFailedException", "MailConnectException"],
        &["smtp", "mail server", "server mail", "server email", "server surel", "send mail", "send email", "send e-mail", "sending mail", "sending email", "sending e-mail", "mail send failed", "sending the received email failed", "irim mail", "irim email", "irim e-mail", "irim surel", "irim ke <email>", "iriman mail", "iriman email", "iriman e-mail", "iriman surel", "mail gagal", "surel gagal", "mail tidak terkirim", "surel tidak terkirim"],
        &[("org.apache.commons.mail.EmailException", ""), ("", "Gagal mengirim surel ke <email>"), ("", "gagal mengirim email notifikasi"), ("", "Pengiriman e-mail undangan gagal"), ("", "Gagal mengirim ke <email>"), ("", "Could not connect to SMTP host: mail.contoh.go.id"), ("", "Mail send failed")]),
    class("application.session", false,
        &["CsrfException", "InvalidCsrfTokenException", "SessionExpiredException"],
        &["authenticity token", "csrf", "session expired", "session has expired", "session is invalid", "invalid session", "sesi berakhir", "sesi telah berakhir", "sesi anda", "sesi habis", "sesi sudah habis", "sesi tidak valid"],
        &[("", "Bad authenticity token"), ("", "Session expired for user"), ("", "Sesi Anda telah berakhir, silakan login kembali"), ("", "Token CSRF tidak cocok")]),
    class("application.client_gone", false,
        &["ClientAbortException", "EofException"],
        &["broken pipe", "connection reset by peer", "sambungan diputus klien", "koneksi diputus oleh klien"],
        &[("org.apache.catalina.connector.ClientAbortException", "java.io.IOException"), ("java.io.IOException", "Broken pipe"), ("", "Koneksi diputus oleh klien")]),
    class("application.upload", true,
        &["FileUploadException", "SizeLimitExceededException", "FileSizeLimitExceededException", "MultipartException", "MalformedStreamException"],
        &["upload", "unggah", "stream ended unexpectedly", "maximum permitted size", "berkas terlalu besar", "file terlalu besar", "ukuran berkas", "ukuran file", "berkas rusak", "file rusak", "client intended to send too large body", "is larger than the configured limit"],
        &[("org.apache.commons.fileupload.FileUploadException", "Stream ended unexpectedly"), ("", "Gagal mengunggah dokumen"), ("", "Ukuran file melebihi batas"), ("", "Upload failed")]),
    class("application.download", true,
        &["DownloadException"],
        &["download", "unduh"],
        &[("", "Gagal mengunduh dokumen pemilihan"), ("", "Unduhan dokumen <n> gagal"), ("", "Download failed for document <n>")]),
    class(CENTRAL_SYSTEM, true,
        &[],
        &[],
        &[("java.net.SocketTimeoutException", "Read timed out at services.AdpClient.kirim"), ("", "Waktu tunggu ke ADP terlampaui"), ("", "Layanan INAPROC tidak merespon"), ("", "Gagal terhubung ke server INAPROC"), ("java.net.UnknownHostException", "api.lkpp.go.id"), ("", "HTTP <n> Bad Gateway dari INAPROC"), ("", "Sinkronisasi ADP gagal")]),
    class("application.timeout", true,
        &["SocketTimeoutException", "TimeoutException", "ConnectTimeoutException"],
        &["timed out", "timeout", "waktu tunggu", "waktu koneksi habis", "tidak ada respon", "tidak merespon"],
        &[("java.net.SocketTimeoutException", "Read timed out"), ("", "Waktu tunggu ke layanan pembayaran terlampaui"), ("", "Server tujuan tidak merespon")]),
    class("application.server_error", true,
        &["HttpServerErrorException", "InternalServerErrorException", "ServiceUnavailableException"],
        &["server returned http response code: <n>", "bad gateway", "service unavailable", "gateway time-out", "layanan tidak tersedia"],
        &[("java.io.IOException", "Server returned HTTP response code: <n> for URL: https://contoh.go.id/api"), ("", "<n> Service Unavailable"), ("", "Layanan tidak tersedia")]),
    class("application.connection", true,
        &["ConnectException", "UnknownHostException", "NoRouteToHostException", "SocketException", "NoHttpResponseException"],
        &["connection refused", "connection reset", "koneksi ditolak", "koneksi terputus", "koneksi gagal", "gagal koneksi", "gagal terhubung", "gagal menghubungi", "tidak dapat terhubung", "tidak dapat menghubungi", "tidak bisa terhubung"],
        &[("java.net.ConnectException", "Connection refused"), ("", "Gagal terhubung ke server tujuan"), ("", "koneksi terputus")]),
    class("application.login", false,
        &["AuthenticationException", "LoginException", "FailedLoginException"],
        &["login gagal", "gagal login", "login failed", "authentication failed", "invalid password", "sandi salah", "sandi tidak", "password salah", "salah password", "gagal masuk", "autentikasi gagal", "otentikasi gagal", "gagal autentikasi", "gagal otentikasi"],
        &[("", "Login gagal dari <n>"), ("", "Kata sandi salah"), ("", "Autentikasi gagal untuk pengguna"), ("javax.security.auth.login.FailedLoginException", ""), ("", "Login failed for user")]),
    class("application.configuration", true,
        &["ConfigurationException", "ClassNotFoundException", "NoClassDefFoundError", "NoSuchMethodError", "UnexpectedException$Configuration", "CompilationException", "UnsupportedClassVersionError"],
        &["address already in use", "could not be compiled", "compilation error", "konfigurasi tidak valid"],
        &[("java.lang.NoClassDefFoundError", "models/Peserta"), ("play.exceptions.CompilationException", "x cannot be resolved"), ("", "Compilation error The file /app/models/Paket.java could not be compiled. Error raised is : x cannot be resolved"), ("java.io.IOException", "Address already in use"), ("", "Konfigurasi tidak valid")]),
    class("application.template", true,
        &["TemplateExecutionException", "TemplateNotFoundException", "TemplateCompilationException"],
        &["execution error occured in template", "template not found", "template execution error"],
        &[("play.exceptions.TemplateExecutionException java.lang.NullPointerException", ""), ("", "Execution error occured in template /app/views/lelang/view.html. Exception raised was NullPointerException : x."), ("play.exceptions.TemplateNotFoundException", "Template not found : The template /app/views/x.html does not exist.")]),
    class("application.file", true,
        &["FileNotFoundException", "NoSuchFileException", "AccessDeniedException"],
        &["no such file or directory", "permission denied", "berkas tidak ditemukan", "file tidak ditemukan"],
        &[("java.io.FileNotFoundException", "/home/file/file_prod/<n> (No such file or directory)"), ("", "Berkas tidak ditemukan")]),
    class("application.database", true,
        &["org.postgresql", "java.sql", "org.hibernate", "javax.persistence", "jakarta.persistence", "com.zaxxer"],
        &["jpa error", "kesalahan basis data", "kesalahan database"],
        &[("org.postgresql.util.PSQLException", "odd"), ("", "JPA error A JPA error occurred (Could not open session)"), ("", "Kesalahan basis data")]),
    class("application.bug", true,
        &["NullPointerException", "IndexOutOfBoundsException", "ClassCastException", "IllegalArgumentException", "IllegalStateException", "NumberFormatException", "ArithmeticException", "NoSuchElementException", "ConcurrentModificationException", "UnsupportedOperationException", "StackOverflowError", "DateTimeParseException", "ParseException", "MissingMethodException", "MissingPropertyException", "AssertionError"],
        &["execution exception", "oops:"],
        &[("java.lang.NullPointerException", ""), ("", "Execution exception NullPointerException occured : null"), ("groovy.lang.MissingPropertyException", "No such property: nama")]),
    class("application.server_error", true,
        &[],
        &["internal server error"],
        &[("", "Internal Server Error (<n>) for request GET /lelang")]),
];
