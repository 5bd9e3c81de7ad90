//! The pages' own files, and the policy under which a browser runs them.

use axum::Router;
use axum::extract::State;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::response::IntoResponse;
use axum::routing::get;

use crate::served::Shared;

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const PICTURE: &str = "image/svg+xml; charset=utf-8";

/// Address, kind, content.
const FILES: &[(&str, &str, &str)] = &[
    ("/", HTML, include_str!("../../console/index.html")),
    ("/console/console.css", STYLE, include_str!("../../console/console.css")),
    ("/console/console.js", SCRIPT, include_str!("../../console/console.js")),
    ("/console/deal.js", SCRIPT, include_str!("../../console/deal.js")),
    ("/console/dom.js", SCRIPT, include_str!("../../console/dom.js")),
    ("/console/icon.svg", PICTURE, include_str!("../../console/icon.svg")),
    ("/console/list.js", SCRIPT, include_str!("../../console/list.js")),
    ("/console/plot.js", SCRIPT, include_str!("../../console/plot.js")),
    ("/console/sequence.js", SCRIPT, include_str!("../../console/sequence.js")),
    ("/console/words.js", SCRIPT, include_str!("../../console/words.js")),
    ("/checkout", HTML, include_str!("../../checkout/index.html")),
    ("/checkout/account.js", SCRIPT, include_str!("../../checkout/account.js")),
    ("/checkout/bank.css", STYLE, include_str!("../../checkout/bank.css")),
    ("/checkout/checkout.css", STYLE, include_str!("../../checkout/checkout.css")),
    ("/checkout/checkout.js", SCRIPT, include_str!("../../checkout/checkout.js")),
    ("/checkout/cleeng.js", SCRIPT, include_str!("../../checkout/cleeng.js")),
    ("/checkout/fields.js", SCRIPT, include_str!("../../checkout/fields.js")),
    ("/checkout/horizon.svg", PICTURE, include_str!("../../checkout/horizon.svg")),
    ("/checkout/page.js", SCRIPT, include_str!("../../checkout/page.js")),
    ("/checkout/pay.js", SCRIPT, include_str!("../../checkout/pay.js")),
    ("/checkout/vendors.js", SCRIPT, include_str!("../../checkout/vendors.js")),
    ("/checkout/words.js", SCRIPT, include_str!("../../checkout/words.js")),
    ("/connector.js", SCRIPT, include_str!("../../../packages/connector-js/dist/connector.js")),
    ("/look.css", STYLE, include_str!("../../look/look.css")),
];

/// A route for each file.
pub(super) fn router() -> Router<Shared> {
    FILES.iter().fold(Router::new(), |router, (address, kind, text)| {
        router
            .route(address, get(move |State(served): State<Shared>| async move { file(&served, kind, text) }))
    })
}

fn file(served: &Shared, kind: &'static str, text: &'static str) -> impl IntoResponse + use<> {
    let headers = [
        (CONTENT_TYPE, kind.to_owned()),
        (CONTENT_SECURITY_POLICY, policy(&served.started.real_gateways)),
        (REFERRER_POLICY, "same-origin".to_owned()),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (CACHE_CONTROL, "no-cache".to_owned()),
    ];
    (headers, text)
}

/// Nothing but this origin's own files runs or loads, nothing inline, and no other page may frame it. Where a gateway
/// is real, its own front-end library may be loaded, from its own origin and from nowhere else.
fn policy(real: &[&str]) -> String {
    let mut scripts = "script-src 'self'".to_owned();
    let mut styles = "style-src 'self'".to_owned();
    let mut images = "img-src 'self' data:".to_owned();
    let mut asks = "connect-src 'self'".to_owned();
    let mut frames = "frame-src 'none'".to_owned();
    let mut forms = "form-action 'self'".to_owned();
    if real.contains(&"stripe") {
        scripts.push_str(" https://js.stripe.com");
        asks.push_str(" https://api.stripe.com");
        "frame-src https://js.stripe.com https://hooks.stripe.com".clone_into(&mut frames);
    }
    if real.contains(&"adyen") {
        scripts.push_str(ADYEN);
        // Its fields are laid out by styles that its library sets itself.
        styles.push_str(ADYEN);
        styles.push_str(" 'unsafe-inline'");
        images.push_str(ADYEN);
        asks.push_str(ADYEN);
        // For 3-D Secure its library posts a form to the card's bank, into a frame of the page: any bank's host.
        "frame-src https:".clone_into(&mut frames);
        forms.push_str(" https:");
    }
    let rest = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'";
    [rest, &forms, &scripts, &styles, &images, &asks, &frames].join("; ")
}

const ADYEN: &str = " https://*.adyen.com https://*.cdn.adyen.com";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_inline_runs_and_no_vendor_is_let_in_where_all_gateways_are_simulated() {
        let alone = policy(&[]);
        assert!(!alone.contains("unsafe") && !alone.contains("https:"), "{alone}");
        let stripe = policy(&["stripe"]);
        assert!(stripe.contains("script-src 'self' https://js.stripe.com;") && !stripe.contains("unsafe"));
        let both = policy(&["stripe", "adyen"]);
        assert!(!both.contains("script-src 'self' 'unsafe-inline'"));
        assert!(
            both.contains("form-action 'self' https:;"),
            "a bank's question is a form that the page posts: {both}"
        );
    }

    #[test]
    fn no_page_holds_anything_that_its_policy_forbids() {
        for (address, kind, text) in FILES.iter().filter(|(_, kind, _)| *kind == HTML) {
            assert!(!text.contains("style=") && !text.contains(" onclick="), "{address} {kind}");
            for part in text.split("<script").skip(1) {
                assert!(part.contains("src="), "an inline script in {address}");
            }
        }
    }
}
