//! One frame of a trace: what it is called, whatever module, class loader or generator had a hand in it.

use std::borrow::Cow;

use memchr::{memchr, memchr2, memrchr};

/// Packages that are not the application's own: their frames say how, not where.
#[rustfmt::skip]
const FOREIGN_PACKAGES: &[&str] = &[
    "antlr.", "bsh.", "ch.qos.", "com.codahale.", "com.fasterxml.", "com.google.", "com.itextpdf.", "com.lowagie.", "com.mchange.",
    "com.sun.", "com.thoughtworks.", "com.zaxxer.", "freemarker.", "groovy.", "groovyjarjar", "io.lettuce.", "io.micrometer.",
    "io.netty.", "io.undertow.", "jakarta.", "java.", "javassist.", "javax.", "jdk.", "kotlin.", "kotlinx.", "net.bytebuddy.", "net.sf.", "net.spy.",
    "okhttp3.", "okio.", "org.apache.", "org.aspectj.", "org.bouncycastle.", "org.codehaus.", "org.dom4j.", "org.eclipse.", "org.glassfish.", "org.h2.",
    "org.hibernate.", "org.jboss.", "org.joda.", "org.jsoup.", "org.junit.", "org.mozilla.", "org.postgresql.", "org.quartz.", "org.slf4j.",
    "org.springframework.", "org.thymeleaf.", "org.xml.", "play.", "reactor.", "redis.clients.", "retrofit2.", "rx.", "scala.", "sun.", "Invocation.",
];

/// What generators put after the name of the class that they extend: javassist, CGLIB, Hibernate, Byte
/// Buddy, Weld.
const GENERATED: &[&str] = &[
    "_$$_",
    "$$EnhancerBy",
    "$$FastClassBy",
    "$$SpringCGLIB",
    "$HibernateProxy$",
    "$ByteBuddy$",
    "$Proxy$_",
];

/// How the JVM names the class of a lambda.
const LAMBDA: &str = "$$Lambda";

/// `class.method` of `module/class.method(File.java:12)`, or the template of `/app/views/x.html.(line:12)`.
pub fn named(place: &str) -> Option<Cow<'_, str>> {
    let place = place.get(..memchr(b'(', place.as_bytes())?)?;
    if place.starts_with('/') {
        return Some(Cow::Borrowed(place.trim_end_matches('.')));
    }
    if memchr(b'/', place.as_bytes()).is_some() {
        return without_module(place);
    }
    whole(place)
}

/// Whether a frame is the application's own.
pub fn is_own(frame: &str) -> bool {
    // The first letter spares most comparisons.
    let first = frame.as_bytes().first();
    let is_of = |package: &&&str| package.as_bytes().first() == first;
    !FOREIGN_PACKAGES.iter().filter(is_of).any(|package| frame.starts_with(package))
}

/// `app//class.method`, `java.base@21/class.method`; but the number after the slash of a hidden class
/// (`Lambda$12/0x00007f.run`) goes with the class.
fn without_module(place: &str) -> Option<Cow<'_, str>> {
    let (before, after) = place.split_at(memrchr(b'/', place.as_bytes())?);
    let after = after.get(1..)?;
    let (number, method) = after.split_once('.')?;
    let digits = number.strip_prefix("0x").unwrap_or(number);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return whole(after);
    }
    let class = before.get(memrchr(b'/', before.as_bytes()).map_or(0, |at| at + 1)..)?;
    whole(&format!("{class}.{method}")).map(|name| Cow::Owned(name.into_owned()))
}

fn whole(place: &str) -> Option<Cow<'_, str>> {
    let is_part = |b: u8| b.is_ascii_alphanumeric() || b"_$.<>- ".contains(&b);
    (memchr(b'.', place.as_bytes()).is_some() && place.bytes().all(is_part))
        .then(|| without_generated(place))
}

/// What is numbered anew with each build or start is dropped: `lambda$view$3`, `Proxy12`, `Script1`.
fn without_generated(place: &str) -> Cow<'_, str> {
    let is_script = place.starts_with("Template_") || place.starts_with("Script");
    // Hardly any place has either letter: the search for the word is spared.
    let marked = memchr2(b'$', b'G', place.as_bytes()).is_some()
        && (place.contains('$') || place.contains("Generated"));
    if !marked && !is_script {
        return Cow::Borrowed(place);
    }
    let (class, method) = place.rsplit_once('.').unwrap_or((place, ""));
    let class = match class.split_once(LAMBDA) {
        Some((outer, _)) => format!("{outer}{LAMBDA}"),
        None => extended(class).to_owned(),
    };
    let name = format!("{class}.{method}");
    Cow::Owned(name.chars().filter(|c| !c.is_ascii_digit()).collect())
}

/// The class that a generated one extends.
fn extended(class: &str) -> &str {
    let marks = GENERATED.iter().filter_map(|mark| class.find(mark));
    marks.min().and_then(|at| class.get(..at)).unwrap_or(class)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_called_the_same_whoever_generated_it() {
        for (place, expected) in [
            ("models.Peserta.simpan(Peserta.java:57)", "models.Peserta.simpan"),
            ("app//models.Peserta.simpan(Peserta.java:57)", "models.Peserta.simpan"),
            ("app/spse@4.5/models.Peserta.simpan(Peserta.java:57)", "models.Peserta.simpan"),
            ("java.base@21.0.1/java.lang.Thread.run(Thread.java:1)", "java.lang.Thread.run"),
            ("models.Peserta.<init>(Peserta.java)", "models.Peserta.<init>"),
            ("models.Peserta.lambda$simpan$3(Peserta.java:5)", "models.Peserta.lambda$simpan$"),
            ("models.Peserta$1.run(Peserta.java:5)", "models.Peserta$.run"),
            ("models.P$$Lambda$12/0x00007f0123.run(Unknown Source)", "models.P$$Lambda.run"),
            ("models.P$$Lambda/0x00007f0123.run(Unknown Source)", "models.P$$Lambda.run"),
            ("app//models.P$$Lambda$12/1234567.run(Unknown Source)", "models.P$$Lambda.run"),
            (
                "models.Peserta_$$_jvst1a2_0.simpan(Peserta_$$_jvst1a2_0.java)",
                "models.Peserta.simpan",
            ),
            ("s.A$$EnhancerBySpringCGLIB$$1a2b3c4d.kirim(<generated>)", "s.A.kirim"),
            ("s.A$$SpringCGLIB$$0.kirim(<generated>)", "s.A.kirim"),
            (
                "models.Peserta$HibernateProxy$a1B2.getNama(Unknown Source)",
                "models.Peserta.getNama",
            ),
            ("com.sun.proxy.$Proxy12.kirim(Unknown Source)", "com.sun.proxy.$Proxy.kirim"),
            ("/app/views/lelang/view.html.(line:12)", "/app/views/lelang/view.html"),
            ("Template_1234.eval(Template_1234.groovy:5)", "Template_.eval"),
            ("Script1.run(Script1.groovy:1)", "Script.run"),
            ("id.KirimKt$main$1.invokeSuspend(Kirim.kt:9)", "id.KirimKt$main$.invokeSuspend"),
            ("id.Kirim.paket-impl(Kirim.kt:9)", "id.Kirim.paket-impl"),
            ("Invocation.HTTP Request(Play!)", "Invocation.HTTP Request"),
        ] {
            assert_eq!(named(place).as_deref(), Some(expected), "{place}");
        }
        for place in ["rumah (dua)", "models.Peserta.simpan", "a/b(c)", "x, y.z(1)", ""] {
            assert_eq!(named(place), None, "{place}");
        }
    }

    #[test]
    fn frames_of_libraries_are_not_the_applications_own() {
        for frame in ["java.lang.Thread.run", "kotlin.Result.get", "Invocation.HTTP Request"] {
            assert!(!is_own(frame), "{frame}");
        }
        for frame in ["models.Peserta.simpan", "/app/views/lelang/view.html", "id.go.Kirim.kirim"] {
            assert!(is_own(frame), "{frame}");
        }
    }
}
