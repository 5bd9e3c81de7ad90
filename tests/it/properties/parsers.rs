//! Nothing that anybody sends breaks a reader: the corpus of the fuzz targets and what chance makes of it, and answers of
//! the gateways that are no answers.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use gateways::adyen::{Adyen, AdyenSettings};
use gateways::stripe::{Stripe, StripeSettings};
use gateways::{Gateway, GatewayError};
use http::{Request, Response};
use payment::{Intention, Outcome, Target, Token, Verb};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::Value;
use wire::{Reply, Transport, Wire};

use crate::gateways::contract::Bench;
use crate::gateways::{adyen, adyen_world, stripe};

#[path = "../../../fuzz/src/readers.rs"]
mod readers;

type Fuzzed = (&'static str, fn(&[u8]));

const TARGETS: [Fuzzed; 4] = [
    ("cleeng_webhook", readers::cleeng_webhook),
    ("stripe_webhook", readers::stripe_webhook),
    ("adyen_webhook", readers::adyen_webhook),
    ("signatures", readers::signatures),
];

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.into_iter().map(|path| fs::read(path).unwrap()).collect()
}

#[test]
fn the_corpus_of_the_fuzz_targets_breaks_no_reader() {
    for (target, read) in TARGETS {
        let inputs = corpus(target);
        assert!(inputs.len() >= 5, "{target} has a corpus");
        for input in inputs {
            read(&input);
            for end in 0..input.len() {
                read(&input[..end]);
            }
        }
    }
}

/// Any JSON, not too deep.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        select(vec!["0.5", "-0.0", "1e300", "6.99", "18446744073709551615"])
            .prop_map(|number| serde_json::from_str(number).unwrap()),
        ".{0,30}".prop_map(Value::from),
        select(vec!["", "0", "-1", "6.99", "1e9", "NaN", "2027-13-45", "99999999999999999999"])
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(".{0,8}", inner, 0..4).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

/// All places in a value.
fn places(value: &Value, here: &str, all: &mut Vec<String>) {
    all.push(here.to_owned());
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                places(value, &format!("{here}/{}", name.replace('~', "~0").replace('/', "~1")), all);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                places(value, &format!("{here}/{index}"), all);
            }
        }
        _ => {}
    }
}

/// One to three members of a true webhook replaced by anything.
fn spoilt(target: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let samples: Vec<Value> =
        corpus(target).iter().filter_map(|it| serde_json::from_slice(it).ok()).collect();
    (select(samples), prop::collection::vec((any::<Index>(), json()), 1..4)).prop_map(
        |(mut value, changes)| {
            for (index, new) in changes {
                let mut all = Vec::new();
                places(&value, "", &mut all);
                if let Some(place) = value.pointer_mut(index.get(&all).as_str()) {
                    *place = new;
                }
            }
            value.to_string().into_bytes()
        },
    )
}

/// Answers everything with the same bytes.
struct Same(u16, Bytes);

#[async_trait]
impl Transport for Same {
    async fn send(&self, _: Request<Bytes>, _: Duration) -> Reply {
        Reply::Answered(Response::builder().status(self.0).body(self.1.clone()).unwrap())
    }
}

/// What each adapter makes of an answer to each verb that has no buyer.
fn made_of(status: u16, body: &[u8]) -> Vec<(Intention, Result<Outcome, GatewayError>)> {
    let wire = || Wire::new(Arc::new(Same(status, Bytes::copy_from_slice(body))));
    let stripe_there = Stripe::new(wire(), StripeSettings::from_settings(&stripe::settings()).unwrap());
    let adyen_there = Adyen::new(wire(), AdyenSettings::from_settings(&adyen_world::settings()).unwrap());
    let benches: [(Bench, &dyn Gateway, &str); 2] = [
        (stripe::bench(), &stripe_there, "cus_1|pm_1"),
        (adyen::bench(), &adyen_there, "cleeng-7|M5N7TQ4TG5PFWR50"),
    ];
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let mut all = Vec::new();
    for (bench, gateway, token) in benches {
        let payment = || Target::Payment("pi_1".parse().unwrap());
        let asks = [
            bench.intention(Verb::Charge, 2, 1299, Target::Token(Token::new(token))),
            bench.intention(Verb::Capture, 2, 1299, payment()),
            bench.intention(Verb::Cancel, 2, 1299, payment()),
            bench.intention(Verb::Refund, 2, 1299, payment()),
        ];
        for ask in asks {
            let outcome = runtime.block_on(async {
                let deadline = bench.deadline();
                match ask.verb {
                    Verb::Capture => gateway.capture(&ask, deadline).await,
                    Verb::Cancel => gateway.cancel(&ask, deadline).await,
                    Verb::Refund => gateway.refund(&ask, deadline).await,
                    _ => gateway.authorise_off_session(&ask, deadline).await,
                }
            });
            all.push((ask, outcome));
        }
    }
    all
}

fn is_said(outcome: &Result<Outcome, GatewayError>) -> bool {
    matches!(outcome, Ok(Outcome::Approved(_) | Outcome::Declined(_)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_bytes_are_read_or_refused(input in any::<Vec<u8>>()) {
        for (_, read) in TARGETS {
            read(&input);
        }
    }

    #[test]
    fn a_spoilt_webhook_of_cleengs_is_read_or_refused(body in spoilt("cleeng_webhook")) {
        readers::cleeng_webhook(&body);
    }

    #[test]
    fn a_spoilt_webhook_of_stripes_is_read_or_refused(body in spoilt("stripe_webhook")) {
        readers::stripe_webhook(&body);
    }

    #[test]
    fn a_spoilt_webhook_of_adyens_is_read_or_refused(body in spoilt("adyen_webhook")) {
        readers::adyen_webhook(&body);
    }

    #[test]
    fn any_line_before_a_body_is_believed_only_where_it_is_the_right_signature(
        line in "[ -~]{0,80}", body in any::<Vec<u8>>(),
    ) {
        readers::signatures(&[line.as_bytes(), b"\n", &body].concat());
    }

    #[test]
    fn an_answer_that_is_no_json_is_neither_yes_nor_no(status in 100_u16..=599, body in any::<Vec<u8>>()) {
        prop_assume!(serde_json::from_slice::<Value>(&body).is_err());
        for (ask, outcome) in made_of(status, &body) {
            prop_assert!(!is_said(&outcome), "{ask:?}: {outcome:?}");
        }
    }

    #[test]
    fn an_answer_of_any_json_breaks_nothing(status in 100_u16..=599, body in json()) {
        made_of(status, body.to_string().as_bytes());
    }
}
