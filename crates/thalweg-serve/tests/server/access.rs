//! Whom the server refuses, and what its pages may do.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};

use thalweg_serve::{Options, Server};

use crate::harness::{serve, serve_at};

/// Everything that a page asks for.
const PAGES: [(&str, &str); 8] = [
    ("/", "text/html"),
    ("/runs", "text/html"),
    ("/page/runs.js", "text/javascript"),
    ("/page/style.css", "text/css"),
    ("/page/valley.js", "text/javascript"),
    ("/page/slider.js", "text/javascript"),
    ("/page/chart.js", "text/javascript"),
    ("/page/heat.js", "text/javascript"),
];

#[test]
fn pages_are_whole_and_may_load_nothing_from_elsewhere() {
    let server = serve();
    for (path, kind) in PAGES {
        let page = server.get(path);
        assert_eq!(page.status, 200, "{path}");
        assert!(page.header("content-type").unwrap().starts_with(kind));
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"));
        assert!(!policy.contains("unsafe") && !policy.contains('*'));
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-origin"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(page.header(name), Some(value), "{path}");
        }
        // The name of SVG's elements is no address that is loaded.
        let elsewhere = page.body.replace("http://www.w3.org/2000/svg", "");
        assert!(
            !elsewhere.contains("http://") && !elsewhere.contains("https://"),
            "{path}"
        );
        assert!(
            !page.body.contains("style=") && !page.body.contains("onclick"),
            "{path}"
        );
    }
}

#[test]
fn names_of_others_are_refused_before_anything_is_computed() {
    let server = serve();
    let ask = |host: &str| {
        let request = format!("GET / HTTP/1.1\r\nConnection: close\r\n{host}\r\n");
        server.send(request.as_bytes()).unwrap().status
    };
    assert_eq!(ask("Host: localhost:1\r\n"), 200);
    assert_eq!(ask("Host: evil.example\r\n"), 421);
    assert_eq!(ask("Host: localhost.evil.example\r\n"), 421);
    assert_eq!(ask(""), 421);
    assert_eq!(ask("Host: localhost\r\nHost: evil.example\r\n"), 421);
}

#[test]
fn nothing_is_changed_and_no_other_site_asks() {
    let server = serve();
    for method in [
        "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE",
    ] {
        assert_eq!(server.ask(method, "/", "").status, 405, "{method}");
    }
    let from = |site: &str, mode: &str| {
        let lines = format!("Sec-Fetch-Site: {site}\r\nSec-Fetch-Mode: {mode}\r\n");
        server.ask("GET", "/api/valley/fields", &lines).status
    };
    assert_eq!(from("cross-site", "no-cors"), 403);
    assert_eq!(from("cross-site", "navigate"), 200);
    assert_eq!(from("same-origin", "cors"), 200);
    let head = server.ask("HEAD", "/", "");
    assert_eq!((head.status, head.body.as_str()), (200, ""));
}

#[test]
fn no_path_leads_out_and_no_request_is_too_large() {
    let server = serve();
    for path in [
        "/page/../../Cargo.toml",
        "/page/..%2f..%2fCargo.toml",
        "/page/%2e%2e/style.css",
        "/page//etc/passwd",
        "/page/style.css/",
        "//etc/passwd",
        "/page/style.css%00",
        "/../../../../etc/passwd",
        "/nothing",
    ] {
        let reply = server.get(path);
        assert_eq!(reply.status, 404, "{path}");
        assert!(reply.json()["error"].is_string());
    }
    let long = format!("/?{}", "x".repeat(3000));
    assert_eq!(server.get(&long).status, 414);
    let lines = format!("X-Much: {}\r\n", "y".repeat(40_000));
    assert_eq!(server.ask("GET", "/", &lines).status, 431);
    // A body that is announced and never comes is not waited for.
    assert_eq!(
        server
            .ask("POST", "/", "Content-Length: 1000000000\r\n")
            .status,
        405
    );
}

#[test]
fn beyond_this_machine_a_token_is_needed() {
    let server = serve_at(Some("0.0.0.0"));
    let (_, token) = server.url.split_once("?token=").unwrap();
    assert_eq!(token.len(), 32);
    assert_eq!(server.get("/").status, 401);
    assert_eq!(server.get("/api/valley/picture").status, 401);
    let wrong = token.replace(&token[..1], if token.starts_with('0') { "1" } else { "0" });
    assert_eq!(server.get(&format!("/?token={wrong}")).status, 401);
    assert_eq!(server.get("/?token=").status, 401);
    let given = server.get(&format!("/?token={token}"));
    assert_eq!((given.status, given.header("location")), (303, Some("/")));
    let cookie = given.header("set-cookie").unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"));
    let pair = cookie.split(';').next().unwrap();
    let with = |cookie: &str| {
        server
            .ask("GET", "/", &format!("Cookie: {cookie}\r\n"))
            .status
    };
    assert_eq!(with(pair), 200);
    assert_eq!(with(&format!("other=1; {pair}")), 200);
    assert_eq!(with(&pair.replace(token, &wrong)), 401);
    // Another server's token is another.
    let other = serve_at(Some("0.0.0.0"));
    assert_ne!(other.url.split_once('=').unwrap().1, token);
}

/// What is printed for all addresses is one that other machines can open, or it is said that there is none. A machine's own address leads to it
/// from itself too.
#[test]
fn the_address_for_others_is_not_this_machines_own() {
    let server = Server::bind(&Options {
        host: Some("0.0.0.0".to_owned()),
        port: 0,
        folder: None,
    });
    let server = server.unwrap();
    let (alone, url) = (server.is_for_this_machine_alone(), server.url());
    let authority = url.strip_prefix("http://").unwrap();
    let (authority, token) = authority.split_once('/').unwrap();
    let address: SocketAddr = authority.parse().unwrap();
    assert!(!address.ip().is_unspecified() && token.starts_with("?token="));
    assert_eq!(address.ip().is_loopback(), alone);
    // In no network there is no way out: nothing but this machine could open it.
    let way_out = UdpSocket::bind("0.0.0.0:0").unwrap().connect("192.0.2.1:9");
    assert_eq!(way_out.is_ok(), !alone);
    let _running = server.start().unwrap();
    let ask = format!("GET /{token} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n");
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(ask.as_bytes()).unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    assert!(reply.starts_with("HTTP/1.1 303"), "{reply}");
}
