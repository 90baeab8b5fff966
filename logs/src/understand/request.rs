//! What a request counts as: its route, its business step, its visitor, its failure. And what a web server
//! tells of one in its error log.

use std::sync::Arc;

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::{Kept, Meaning, route};
use crate::{
    entry::{ErrorEvent, ErrorGroup, RequestEvent, Route},
    group,
    parse::{
        Beside, BesideKind, Request, ServerFailure,
        http::{METHODS, request_line},
    },
    redact::Redactor,
    steps::Steps,
};

/// Paths whose route is known without reading them again.
const PATHS_KEPT_MAX: usize = 16_384;

/// Routes whose definition is kept at hand.
const ROUTES_KEPT_MAX: usize = 1_024;

/// Groups of failed requests kept at hand.
const FAILURES_KEPT_MAX: usize = 512;

/// Every server hashes visitors so, that one who comes by two of them is counted once. No secret: that a
/// visitor cannot be told from a sketch does not rest on it ([`RequestEvent::visitor`]).
const VISITOR_SEED: u64 = 0x7061_6e74_6175_3031;

/// Template of what was no request of HTTP.
const NO_REQUEST: &str = "(no HTTP request)";

/// Stands for methods that nobody knows.
const OTHER_METHOD: &str = "(other)";

/// What is kept at hand of the requests of one log.
#[derive(Debug)]
pub struct Requests {
    steps: Arc<Steps>,
    paths: Kept<Arc<Route>>,
    routes: Kept<Arc<Route>>,
    failures: Kept<Option<Arc<ErrorGroup>>>,
    /// Template of the path that is being read.
    template: String,
}

impl Requests {
    /// Nothing kept yet.
    pub fn new(steps: Arc<Steps>) -> Requests {
        Requests {
            steps,
            paths: Kept::new(PATHS_KEPT_MAX),
            routes: Kept::new(ROUTES_KEPT_MAX),
            failures: Kept::new(FAILURES_KEPT_MAX),
            template: String::new(),
        }
    }

    fn route(&mut self, redactor: &mut Redactor, method: &str, target: &str) -> &Arc<Route> {
        let Requests { steps, paths, routes, template, .. } = self;
        let path = route::path(target);
        let key = xxh3_64_with_seed(path.as_bytes(), method_key(method));
        paths.get(key, || {
            let method = known_method(method);
            template.clear();
            match method {
                "" => template.push_str(NO_REQUEST),
                _ => route::template(redactor, path, template),
            }
            let key = xxh3_64_with_seed(template.as_bytes(), method_key(method));
            let made = || {
                let step = steps.of(method, template);
                Arc::new(Route { method: method.to_owned(), template: template.clone(), step })
            };
            routes.get(key, made).clone()
        })
    }

    fn failure(&mut self, status: u16, route: &Route) -> Option<Arc<ErrorGroup>> {
        // Most requests do not fail; those that may are looked up.
        if status < 400 {
            return None;
        }
        let seed = method_key(&route.method) ^ u64::from(status).rotate_left(48);
        let key = xxh3_64_with_seed(route.template.as_bytes(), seed);
        self.failures.get(key, || group::request_error(status, route).map(Arc::new)).clone()
    }
}

impl Meaning {
    /// What a request counts as.
    pub(super) fn request(&mut self, request: &Request<'_>) -> RequestEvent {
        let Meaning { redactor, requests, .. } = self;
        let route = requests.route(redactor, &request.method, &request.path).clone();
        RequestEvent {
            status: request.status,
            duration_us: request.duration_us,
            bytes: request.bytes,
            visitor: visitor(&request.client, &request.agent),
            failure: requests.failure(request.status, &route),
            route,
        }
    }

    /// What an entry of a web server's error log counts as.
    pub(super) fn server(&mut self, failure: &ServerFailure<'_>) -> ErrorEvent {
        let message = self.redactor.text(&failure.message);
        let error = match &*failure.rule {
            "" => group::application_error(failure.severity, &message),
            rule => group::rule_error(failure.severity, rule, &message),
        };
        let mut exemplar = match &*failure.rule {
            "" => message.into_owned(),
            rule => format!("ModSecurity rule {rule}: {message}"),
        };
        for beside in &failure.beside {
            let text = self.beside(beside);
            exemplar.push_str(&format!("\n{}: {text}", beside.name));
        }
        self.error(error, exemplar, Vec::new())
    }

    fn beside(&mut self, beside: &Beside<'_>) -> String {
        let Meaning { redactor, requests, .. } = self;
        match beside.kind {
            BesideKind::Text => redactor.text(&beside.text).into_owned(),
            BesideKind::Path => {
                let mut out = String::new();
                route::template(redactor, route::path(&beside.text), &mut out);
                out
            }
            BesideKind::Request => {
                let line = request_line(beside.text.as_bytes());
                let text = |bytes| String::from_utf8_lossy(bytes);
                let (method, target) = line.map(|(m, t)| (text(m), text(t))).unwrap_or_default();
                let route = requests.route(redactor, &method, &target);
                format!("{} {}", route.method, route.template).trim_start().to_owned()
            }
        }
    }
}

fn visitor(client: &str, agent: &str) -> u64 {
    xxh3_64_with_seed(agent.as_bytes(), xxh3_64_with_seed(client.as_bytes(), VISITOR_SEED))
}

fn method_key(method: &str) -> u64 {
    // A method fits, so that hashing it is not needed; longer words are none that is known.
    match method.len() {
        length @ 0..=8 => {
            let bytes = method.bytes().fold(0, |key, byte| key << 8 | u64::from(byte));
            bytes ^ (length as u64) << 60
        }
        _ => xxh3_64(method.as_bytes()),
    }
}

/// The method as HTTP writes it; whatever else a client made up is one.
fn known_method(method: &str) -> &'static str {
    if method.is_empty() {
        return "";
    }
    let known = METHODS.iter().find(|known| known.eq_ignore_ascii_case(method));
    known.copied().unwrap_or(OTHER_METHOD)
}

#[cfg(test)]
mod tests;
