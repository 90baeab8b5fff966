//! Keys that say where batches go, and through what.

use std::ops::RangeInclusive;

use super::{
    Address, Collector, Proxy, Secret, read,
    typed::{Faults, Section},
};

pub(super) const PROXY_KEYS: &[&str] = &["url", "password_file"];
/// Allowed for `bytes_per_day_max`: less does not even carry the state of a quiet server.
const BYTES_PER_DAY_ALLOWED: RangeInclusive<u64> = 500_000..=1_000_000_000_000;
const URL_ALLOWED: &str = "write http://host:port or http://user:password@host:port";

pub(super) fn collector(
    file: &Section,
    faults: &mut Faults,
    warnings: &mut Vec<String>,
) -> Collector {
    let address = file.parsed("collector", faults, str::parse::<Address>);
    let bytes_per_day_max = read::bytes(file, "bytes_per_day_max", BYTES_PER_DAY_ALLOWED, faults);
    let tls_1_2 = file.flag("tls_1_2", faults).unwrap_or(false);
    let proxy = file.table("proxy", PROXY_KEYS, faults);
    let proxy = proxy.and_then(|section| proxy_of(&section, faults, warnings));
    Collector { address, proxy, bytes_per_day_max, tls_1_2 }
}

fn proxy_of(section: &Section, faults: &mut Faults, warnings: &mut Vec<String>) -> Option<Proxy> {
    let text = section.required("url", URL_ALLOWED, faults)?;
    let password = section
        .parsed("password_file", faults, |path| read::password("proxy", path, warnings))
        .map(Secret::new);
    let proxy = parse(text, password);
    if let Err(what) = &proxy {
        // The address is not quoted: it may hold a password.
        faults.add(section.at_key("url"), format!("proxy.url: {what}"));
    }
    proxy.ok()
}

fn parse(text: &str, password: Option<Secret>) -> Result<Proxy, &'static str> {
    let url = reqwest::Url::parse(text).map_err(|_| URL_ALLOWED)?;
    if url.scheme() != "http" {
        return Err("only http:// is allowed: what goes through is encrypted by the agent itself");
    }
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let address = Address::new(host, url.port_or_known_default().unwrap_or(0));
    let user = unescaped(url.username()).ok_or(URL_ALLOWED)?;
    let typed = url.password().map(|typed| unescaped(typed).ok_or(URL_ALLOWED)).transpose()?;
    let password = password.or(typed.map(Secret::new));
    let credentials = match password {
        None if user.is_empty() => None,
        Some(_) if user.is_empty() => return Err("a password needs a user: http://user@host:port"),
        // Basic credentials end the user at the first colon.
        _ if user.contains(':') => return Err("the user must not contain a colon"),
        password => Some((user, password.unwrap_or_else(|| Secret::new("")))),
    };
    Ok(Proxy { address: address.ok_or(URL_ALLOWED)?, credentials })
}

/// Text of a part of a URL: `%40` is `@`.
fn unescaped(part: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_has_its_credentials_unescaped_and_unseen() {
        let proxy = parse("http://lpse:ra%40hasia%3A@10.0.0.2:3128", None).unwrap();
        assert_eq!(proxy.address.to_string(), "10.0.0.2:3128");
        let (user, password) = proxy.credentials.clone().unwrap();
        assert_eq!((user.as_str(), password.reveal()), ("lpse", "ra@hasia:"));
        assert!(!format!("{proxy:?}").contains("hasia"));
        let proxy = parse("http://proxy.lan", None).unwrap();
        assert_eq!(proxy.address.to_string(), "proxy.lan:80");
        assert!(proxy.credentials.is_none());
    }

    #[test]
    fn the_password_of_a_file_goes_before_one_in_the_address() {
        let proxy = parse("http://lpse:a@proxy:3128", Some(Secret::new("b"))).unwrap();
        assert_eq!(proxy.credentials.unwrap().1.reveal(), "b");
        assert!(parse("http://proxy:3128", Some(Secret::new("b"))).is_err());
    }

    #[test]
    fn what_is_no_http_proxy_is_refused_without_being_quoted() {
        for text in
            ["https://u:rahasia@proxy:3128", "socks5://proxy", "proxy:3128", "http://u%zz@p"]
        {
            assert!(!parse(text, None).unwrap_err().contains("rahasia"), "{text}");
        }
    }
}
