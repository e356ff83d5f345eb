//! Who may ask: the names by which the server answers, its token, and what browsers are told.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::{Shared, limits, reply};

/// The cookie that keeps the token, and the field of the first address that brings it.
const TOKEN: &str = "thalweg-token";

/// Nothing from elsewhere, nothing inline; pictures may be made by the page itself.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; \
                      frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// By whom the server may be asked.
pub struct Access {
    /// The host that was asked for, as it was written.
    host: String,
    /// Needed beyond this machine.
    token: Option<String>,
}

impl Access {
    pub fn new(host: String, token: Option<String>) -> Self {
        Self { host, token }
    }

    /// Whether a request for `host` is meant for this server. A page elsewhere whose name is made to lead here (DNS rebinding) brings its own name.
    fn answers_to(&self, host: &str) -> bool {
        let name = without_port(host);
        if name.eq_ignore_ascii_case("localhost") || name.eq_ignore_ascii_case(&self.host) {
            return true;
        }
        match name.parse::<IpAddr>() {
            // Addresses cannot be rebound; beyond this machine the token decides.
            Ok(address) => address.is_loopback() || self.token.is_some(),
            Err(_) => false,
        }
    }

    /// Whether the token is in a cookie.
    fn admits(&self, headers: &HeaderMap) -> bool {
        let Some(token) = &self.token else {
            return true;
        };
        let cookies = headers.get_all(header::COOKIE).iter();
        cookies
            .filter_map(|cookie| cookie.to_str().ok())
            .flat_map(|cookie| cookie.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .any(|(name, value)| name == TOKEN && same(value, token))
    }
}

/// The name or the address in `host`, without the port.
fn without_port(host: &str) -> &str {
    if let Some(inside) = host.strip_prefix('[') {
        return inside.split(']').next().unwrap_or_default();
    }
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}

/// Compared in a time that does not say where they differ.
fn same(given: &str, token: &str) -> bool {
    let pairs = given.bytes().zip(token.bytes());
    given.len() == token.len() && pairs.fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

/// Lets a request through, or says why not; either way the reply carries what browsers are to hold to.
pub async fn check(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let mut response = match refusal(&shared.access, &request) {
        Some(refusal) => refusal,
        None => next.run(request).await,
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        // A page from the folder has a stricter policy of its own.
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    let policy = HeaderValue::from_static("same-origin");
    headers.insert("cross-origin-resource-policy", policy.clone());
    headers.insert("cross-origin-opener-policy", policy);
    response
}

fn refusal(access: &Access, request: &Request) -> Option<Response> {
    let refuse = |status, sentence: &str| Some(reply::failed(status, sentence));
    let (uri, headers) = (request.uri(), request.headers());
    if uri
        .path_and_query()
        .is_some_and(|text| text.as_str().len() > limits::ADDRESS)
    {
        return refuse(StatusCode::URI_TOO_LONG, "this address is too long");
    }
    // HTTP/1.1 has one such line; two would be for two readers to understand differently.
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = hosts
        .next()
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default();
    if hosts.next().is_some() || !access.answers_to(host) {
        let sentence = "this server does not answer to that name: use the address that it printed";
        return refuse(StatusCode::MISDIRECTED_REQUEST, sentence);
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return refuse(
            StatusCode::METHOD_NOT_ALLOWED,
            "this server only shows: GET is all that it answers",
        );
    }
    // A page elsewhere may link here, and may not ask in its reader's name.
    let from = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if from("sec-fetch-site") == Some("cross-site") && from("sec-fetch-mode") != Some("navigate") {
        return refuse(
            StatusCode::FORBIDDEN,
            "another site’s page may not ask this server",
        );
    }
    if access.admits(headers) {
        return None;
    }
    let given = uri.query().and_then(|query| query.strip_prefix("token="));
    match (&access.token, given) {
        // The address keeps no secret: the token goes to a cookie, which no script reads.
        (Some(token), Some(given)) if same(given, token) => {
            let cookie = format!("{TOKEN}={token}; Path=/; HttpOnly; SameSite=Strict");
            let headers = [
                (header::SET_COOKIE, cookie),
                (header::LOCATION, uri.path().to_owned()),
            ];
            Some((StatusCode::SEE_OTHER, headers).into_response())
        }
        _ => refuse(
            StatusCode::UNAUTHORIZED,
            "open the address that the server printed: it has the token in it",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_names_are_answered_to() {
        let here = Access::new("127.0.0.1".to_owned(), None);
        for name in [
            "127.0.0.1:8017",
            "localhost",
            "LOCALHOST:1",
            "[::1]:8017",
            "127.0.0.2",
        ] {
            assert!(here.answers_to(name), "{name}");
        }
        for name in [
            "",
            "evil.example:8017",
            "localhost.evil.example",
            "192.168.1.5:8017",
            "[::2]",
            "127.0.0.1.evil.example",
        ] {
            assert!(!here.answers_to(name), "{name}");
        }
        let outside = Access::new("lab.example".to_owned(), Some("t".to_owned()));
        assert!(outside.answers_to("lab.example:80") && outside.answers_to("192.168.1.5:8017"));
        assert!(!outside.answers_to("evil.example"));
    }

    #[test]
    fn a_token_is_compared_whole() {
        assert!(same("abc", "abc"));
        for other in ["", "ab", "abcd", "abd"] {
            assert!(!same(other, "abc"), "{other}");
        }
    }
}
