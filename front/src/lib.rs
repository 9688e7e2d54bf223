//! The web front: the chat page, the page of numbers, and their assets, compiled into the program.
//!
//! The pages are HTML, CSS and ES modules as they stand under `assets/`; there is no build step and nothing is fetched from
//! elsewhere. This crate holds no session and talks to nobody: the pages' own requests go to the services on the same origin, with
//! the HttpOnly cookie that auth-api sets. The names in a page that tests may rely on are listed at its top.
//!
//! Charts are drawn by [uPlot](https://github.com/leeoniya/uPlot) 1.6.32 (MIT), whose files stand under `assets/vendor/uplot` as its author
//! publishes them on the npm registry. Only the page of numbers loads it.
//!
//! # How to add an asset
//!
//! 1. Put the file under `assets/css` or `assets/js`, a page beside `index.html`.
//! 2. Add its line to the table in `assets.rs`.
//! 3. Refer to it from a page, or import it from a module; a test fails for a file that is missing here or referred to by nobody.

mod assets;

use axum::Router;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tower_http::compression::CompressionLayer;

use crate::assets::{ASSETS, Asset};

/// Only files and connections of our own origin; no inline script or style, no frame around the page, no form to elsewhere.
const POLICY: &str = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'";

/// What the page never uses, so that injected content cannot either.
const PERMISSIONS: &str = "camera=(), geolocation=(), microphone=(), payment=(), usb=()";

/// The routes of the page and its assets. Every other path is left to whoever merges this router.
///
/// Each asset answers with its type, a validator (`ETag`, 304 for one that still holds) and the security headers. Browsers ask again
/// each time (`no-cache`), so that a new version of the program is never mixed with files of the old one.
///
/// Assets are compressed for whoever takes gzip. They hold no secrets, so that compression gives none away.
pub fn router() -> Router {
    let routes = ASSETS.iter().fold(Router::new(), |router, asset| {
        let tag = tag_of(asset);
        router.route(asset.path, get(async move |headers: HeaderMap| answer(asset, &tag, &headers)))
    });
    routes.layer(CompressionLayer::new())
}

fn answer(asset: &'static Asset, tag: &HeaderValue, request: &HeaderMap) -> Response {
    let headers: [(HeaderName, HeaderValue); 7] = [
        (CONTENT_TYPE, HeaderValue::from_static(asset.content_type)),
        (ETAG, tag.clone()),
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (HeaderName::from_static("permissions-policy"), HeaderValue::from_static(PERMISSIONS)),
    ];
    if holds(request, tag) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    (headers, asset.content).into_response()
}

/// Whether the browser's copy, as `If-None-Match` names it, is still the current one (RFC 9110, weak comparison).
fn holds(request: &HeaderMap, tag: &HeaderValue) -> bool {
    let given = request.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    given.flat_map(|list| list.split(',')).any(|each| each.trim() == "*" || Some(each.trim()) == tag.to_str().ok())
}

/// Weak, because the same content is sent compressed and as it is.
fn tag_of(asset: &Asset) -> HeaderValue {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(asset.content);
    let hex: String = digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    // Hexadecimal digits are always valid in a header; the fallback only keeps this function total.
    HeaderValue::from_str(&format!("W/\"{hex}\"")).unwrap_or(HeaderValue::from_static("W/\"0\""))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use axum::body::{Body, to_bytes};
    use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, VARY};
    use axum::http::{Method, Request};
    use tower::ServiceExt;

    use super::*;

    async fn get(path: &str, if_none_match: Option<&str>) -> Response {
        let mut request = Request::builder().method(Method::GET).uri(path);
        if let Some(tag) = if_none_match {
            request = request.header(IF_NONE_MATCH, tag);
        }
        router().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    }

    fn header(response: &Response, name: &HeaderName) -> String {
        response.headers().get(name).unwrap_or_else(|| panic!("no header {name}")).to_str().unwrap().to_owned()
    }

    #[tokio::test]
    async fn every_asset_is_served_with_its_type_and_the_security_headers() {
        for asset in ASSETS {
            let response = get(asset.path, None).await;
            assert_eq!(response.status(), StatusCode::OK, "{}", asset.path);
            let wanted = match asset.path.rsplit('.').next().unwrap() {
                "js" => "text/javascript; charset=utf-8",
                "css" => "text/css; charset=utf-8",
                "svg" => "image/svg+xml",
                _ if asset.path.ends_with("/LICENSE") => "text/plain; charset=utf-8",
                _ => "text/html; charset=utf-8",
            };
            assert_eq!(header(&response, &CONTENT_TYPE), wanted, "{}", asset.path);
            assert_eq!(header(&response, &CACHE_CONTROL), "no-cache");
            assert_eq!(header(&response, &X_CONTENT_TYPE_OPTIONS), "nosniff");
            assert_eq!(header(&response, &REFERRER_POLICY), "no-referrer");
            let policy = header(&response, &CONTENT_SECURITY_POLICY);
            assert!(policy.starts_with("default-src 'self';") && !policy.contains("unsafe"), "{policy}");
            assert_eq!(to_bytes(response.into_body(), usize::MAX).await.unwrap(), asset.content, "{}", asset.path);
        }
    }

    #[tokio::test]
    async fn a_copy_that_still_holds_is_not_sent_again() {
        let tag = header(&get("/", None).await, &ETAG);
        let response = get("/", Some(&format!("\"other\", {tag}"))).await;
        assert_eq!(response.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(header(&response, &ETAG), tag);
        assert_eq!(get("/", Some("W/\"other\"")).await.status(), StatusCode::OK);
        let tags: BTreeSet<_> = ASSETS.iter().map(tag_of).map(|tag| tag.to_str().unwrap().to_owned()).collect();
        assert_eq!(tags.len(), ASSETS.len(), "two assets share a validator");
    }

    #[tokio::test]
    async fn who_takes_gzip_gets_less() {
        let asset = ASSETS.iter().find(|asset| asset.path.ends_with("/timeline.js")).unwrap();
        let request = Request::builder().uri(asset.path).header(ACCEPT_ENCODING, "gzip").body(Body::empty()).unwrap();
        let response = router().oneshot(request).await.unwrap();
        assert_eq!(header(&response, &CONTENT_ENCODING), "gzip");
        assert!(header(&response, &VARY).contains("accept-encoding"), "a cache must tell the two forms apart");
        assert!(to_bytes(response.into_body(), usize::MAX).await.unwrap().len() < asset.content.len() / 2);
    }

    /// What a browser fetches before the page can be used, with gzip, in KiB at most.
    const FIRST_LOAD_KIB_MAX: usize = 150;

    #[tokio::test]
    async fn the_first_load_is_small() {
        let mut bytes = 0;
        for path in assets::first_load("/") {
            let request = Request::builder().uri(&path).header(ACCEPT_ENCODING, "gzip").body(Body::empty()).unwrap();
            let response = router().oneshot(request).await.unwrap();
            assert_eq!(response.status(), StatusCode::OK, "{path}");
            let headers: usize = response.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
            bytes += headers + to_bytes(response.into_body(), usize::MAX).await.unwrap().len();
        }
        assert!(bytes > 10_000, "something was counted");
        assert!(bytes <= FIRST_LOAD_KIB_MAX * 1024, "{bytes} bytes");
    }

    #[tokio::test]
    async fn other_paths_and_methods_are_not_ours() {
        for path in ["/assets/js/none.js", "/assets/../Cargo.toml", "/chat/rooms", "/assets/"] {
            assert_eq!(get(path, None).await.status(), StatusCode::NOT_FOUND, "{path}");
        }
        let post = Request::builder().method(Method::POST).uri("/").body(Body::empty()).unwrap();
        assert_eq!(router().oneshot(post).await.unwrap().status(), StatusCode::METHOD_NOT_ALLOWED);
    }
}
