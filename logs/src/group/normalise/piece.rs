//! What becomes of one piece: words, numbers, names with numbers in them.

use super::{
    Scan,
    bytes::{self, AT, BACKSLASH, COLON, DIGIT, DOT, HEX, JOIN, LETTER, PLACEHOLDER, SLASH},
    number::{is_hash, is_numeric, is_separator_of_words, is_signed, number_length},
    place, placeholder,
    words::{self, Meaning},
};

impl Scan<'_, '_> {
    /// A piece of letters alone.
    pub(super) fn word(&mut self, word: &str, before: Meaning) {
        let meaning = words::meaning(word);
        let start = self.out.len();
        match meaning {
            Meaning::TimeUnit if self.unit("<duration>") => {}
            // A letter alone may be anything.
            Meaning::SizeUnit if word.len() > 1 && self.unit("<size>") => {}
            Meaning::Zone if self.out.ends_with("<n> ") => self.counted(start),
            Meaning::Calendar if self.is_date(word) => self.counted(start),
            Meaning::For if before == Meaning::Credential => {
                self.out.push_str(word);
                self.before = Meaning::For;
            }
            _ if word.eq_ignore_ascii_case("localhost") => {
                self.out.push_str("<host>");
                self.collapse(start);
            }
            _ if self.out.ends_with(": ") && words::is_constant(word) && self.ends_clause() => {
                self.out.push_str("<value>");
            }
            _ => {
                self.out.push_str(word);
                // `for` says something behind a credential only.
                self.before = if meaning == Meaning::For { Meaning::None } else { meaning };
            }
        }
    }

    fn ends_clause(&self) -> bool {
        self.rest(self.at).bytes().next().is_none_or(|byte| b",;.)]}".contains(&byte))
    }

    fn counted(&mut self, start: usize) {
        self.number();
        self.collapse(start);
    }

    /// A number and its unit are a quantity: which unit suits it varies with it.
    fn unit(&mut self, quantity: &str) -> bool {
        let Some(before) = self.out.strip_suffix("<n> ") else { return false };
        let start = before.len();
        if before
            .bytes()
            .next_back()
            .is_some_and(|byte| byte == b'>' || bytes::is(byte, bytes::IN_PIECE))
        {
            return false;
        }
        self.out.truncate(start);
        self.out.push_str(quantity);
        self.collapse(start);
        true
    }

    /// Whether a word of the calendar stands among numbers.
    fn is_date(&self, word: &str) -> bool {
        let after = self.rest(self.at).trim_start_matches([' ', ',']);
        let next = after.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
        let goes_on = next.starts_with(|c: char| c.is_ascii_digit())
            || placeholder::numeric_length(after).is_some()
            || words::meaning(next) == Meaning::Calendar;
        goes_on || (word.len() > 3 && self.out.ends_with("<n> "))
    }

    /// Whether a piece is the name of an account: by the word before it and by what follows.
    pub(super) fn is_account(&self, before: Meaning, piece: &str) -> bool {
        match before {
            Meaning::Account => {}
            Meaning::For => return self.ends_account(),
            _ => return false,
        }
        let is_made_up = piece.bytes().any(|byte| byte.is_ascii_digit() || byte == b'<');
        is_made_up || (!words::is_no_account(piece) && self.ends_account())
    }

    fn ends_account(&self) -> bool {
        let rest = self.rest(self.at);
        let after = rest.trim_start();
        let word = after.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
        match after.bytes().next() {
            None => true,
            Some(byte) if b"[(,;".contains(&byte) => true,
            Some(b'.' | b':') => after.len() == rest.len(),
            _ => matches!(words::meaning(word), Meaning::Preposition | Meaning::For),
        }
    }

    /// A piece that holds more than letters.
    pub(super) fn mixed(&mut self, piece: &str, flags: u16, before: Meaning) {
        if flags & !(DIGIT | HEX) == 0 {
            return self.number();
        }
        if flags & !(LETTER | HEX | JOIN | DOT) == 0 {
            return self.part(piece, false);
        }
        if let Some(length) = place::address_length(piece, flags) {
            self.out.push_str("<host>");
            return self.after_host(piece.get(length..).unwrap_or_default());
        }
        if flags & (DIGIT | PLACEHOLDER) != 0 && is_numeric(piece) {
            return self.numeric(piece, before);
        }
        if flags & BACKSLASH != 0 && place::is_windows_path(piece) {
            return self.path("<path>");
        }
        if flags & AT != 0 && piece.split('@').all(|part| is_numeric(part) || is_hash(part)) {
            return self.with_at(piece, flags);
        }
        if flags & SLASH != 0 {
            return self.with_slash(piece, before);
        }
        if flags & AT != 0 {
            return self.with_at(piece, flags);
        }
        self.parts(piece);
    }

    fn numeric(&mut self, piece: &str, before: Meaning) {
        self.number();
        if before == Meaning::Lasting && piece.contains(':') && self.out.ends_with("<n>") {
            self.out.truncate(self.out.len() - 3);
            self.out.push_str("<duration>");
        }
    }

    /// The port goes with its host.
    fn after_host(&mut self, rest: &str) {
        let Some(after) = rest.strip_prefix(':') else { return self.parts(rest) };
        let port = after.split(':').next().unwrap_or_default();
        let rest = match is_numeric(port) {
            true => after.get(port.len()..).unwrap_or_default(),
            false => rest,
        };
        self.parts(rest);
    }

    fn with_slash(&mut self, piece: &str, before: Meaning) {
        if let Some(at) = piece.find(":/") {
            return self.url(piece, at);
        }
        let (path, rest) = match piece.find(':') {
            Some(at) if piece.starts_with('/') => piece.split_at(at),
            _ => (piece, ""),
        };
        let is_route = before == Meaning::Method || !place::is_of_file_system(path);
        if piece.starts_with('/') && is_route {
            self.route(path);
            self.parts(rest);
        } else if piece.starts_with('/') {
            if rest.is_empty() {
                self.path("<path>")
            } else {
                self.out.push_str("<path>")
            }
            self.mixed_rest(rest);
        } else if place::is_relative_path(piece) {
            self.path("<path>");
        } else if piece.split('/').all(place::is_hex) {
            self.number();
        } else {
            for (index, part) in piece.split('/').enumerate() {
                if index > 0 {
                    self.out.push('/');
                }
                self.mixed_rest(part);
            }
        }
    }

    fn mixed_rest(&mut self, rest: &str) {
        let paths = rest.strip_prefix(':').filter(|rest| rest.starts_with('/'));
        match paths {
            // A list of paths is as one.
            Some(_) => {}
            None if rest.contains('@') => self.with_at(rest, SLASH | COLON),
            None => self.parts(rest),
        }
    }

    /// `https://host/route` keeps its route; of others only that they are one.
    fn url(&mut self, piece: &str, colon: usize) {
        let (scheme, after) = piece.split_at(colon);
        let is_http = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
        let Some(after) = after.strip_prefix("://").filter(|_| is_http) else {
            return self.path("<url>");
        };
        let host = after.find('/').unwrap_or(after.len());
        self.out.push_str(scheme);
        self.out.push_str("://<host>");
        self.route(after.get(host..).unwrap_or_default());
    }

    /// Writes a placeholder and goes behind what a path may hold besides pieces.
    fn path(&mut self, placeholder: &str) {
        self.out.push_str(placeholder);
        let goes_on = |byte: &u8| bytes::is(*byte, bytes::IN_PIECE) || b"!=*+&?".contains(byte);
        let rest = self.rest(self.at);
        let length = rest.bytes().take_while(goes_on).count();
        let more = rest.get(..length).unwrap_or_default();
        self.at += more.trim_end_matches(['.', ':', '!', '?']).len();
    }

    /// A path of the application says which step it was: only its numbers vary.
    fn route(&mut self, path: &str) {
        for (index, folder) in path.split('/').enumerate() {
            if index > 0 {
                self.out.push('/');
            }
            self.mixed_rest(folder);
        }
    }

    /// `Class@hash`, `name@place`, or an address of a mailbox.
    fn with_at(&mut self, piece: &str, flags: u16) {
        let Some((left, right)) = piece.split_once('@') else { return self.parts(piece) };
        if !left.is_empty() && place::is_host(right) {
            return self.out.push_str("<email>");
        }
        self.in_name = true;
        self.parts(left);
        self.out.push('@');
        if is_hash(right) || is_numeric(right) {
            self.number();
        } else if let Some(length) = place::address_length(right, flags) {
            self.out.push_str("<host>");
            self.after_host(right.get(length..).unwrap_or_default());
        } else {
            self.parts(right);
        }
        self.in_name = false;
    }

    /// Parts between colons.
    fn parts(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        for (index, part) in text.split(':').enumerate() {
            if index > 0 {
                if self.out.ends_with("<host>") && is_numeric(part) {
                    continue;
                }
                self.out.push(':');
            }
            self.part(part, index > 0);
        }
    }

    pub(super) fn part(&mut self, part: &str, is_value: bool) {
        let name = part.trim_start_matches(is_separator_of_words);
        if name.len() < part.len() && !is_numeric(part) {
            let before = part.get(..part.len() - name.len()).unwrap_or_default();
            let before =
                if is_signed(part.get(before.len().saturating_sub(1)..).unwrap_or_default()) {
                    before.trim_end_matches(['-', '+'])
                } else {
                    before
                };
            self.out.push_str(before);
            return self.part(name, false);
        }
        if !bytes::any(part, DIGIT) && !part.contains('<') {
            let written = match part {
                _ if place::is_host(part) || part.eq_ignore_ascii_case("localhost") => "<host>",
                _ if place::is_package(part) => "<name>",
                _ if is_value && words::is_constant(part) => "<value>",
                _ => part,
            };
            return self.out.push_str(written);
        }
        if placeholder::length(part) == Some(part.len())
            && placeholder::numeric_length(part).is_none()
        {
            return self.out.push_str(if part == "<ipv6>" { "<host>" } else { part });
        }
        // Parts joined so are the full name of a package of Windows, which is one of many.
        let is_assembly = part.bytes().filter(|byte| *byte == b'~').count() > 1;
        if is_assembly || is_numeric(part) {
            self.number();
        } else if place::is_host(part) {
            self.out.push_str("<host>");
        } else if number_length(part) > 0 {
            self.quantity(part);
        } else {
            self.name(part);
        }
    }
}
