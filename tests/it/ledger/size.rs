//! How much of a kilobyte an item takes, and that saying things once loses nothing.

use aws_sdk_dynamodb::types::AttributeValue;
use ledger::{
    Attempt, HISTORY_LINES_MAX, Ledger, Line, ManagedBy, Mapping, MemoryLedger, Stage, Standing, Subject,
};
use local::dynamo::{EmbeddedDynamo, Storage};
use payment::{
    Answer, Approval, Card, Decline, DeclineClass, DeclineReason, Fact, FactKind, Facts, GatewayReference,
    Identity, Intention, Money, Price, Target, Token, Verb,
};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

use super::dynamo::raw;
use super::{at, done, renewing, subscription};

/// The bound of a write that costs one unit.
const KILOBYTE: usize = 1024;

#[tokio::test]
async fn a_subscription_in_the_middle_of_a_renewal_fits_into_a_kilobyte() {
    let dynamo = EmbeddedDynamo::start(&Storage::Memory).await.unwrap();
    let ledger = dynamo.ledger(wire::Http::new().unwrap()).unwrap();
    let mapping = renewing(332_332_332);
    done(ledger.write(&mapping).await.unwrap());
    let item = raw(&dynamo, "subscription#332332332").await;
    let bytes: usize = item.iter().map(|(name, value)| name.len() + bytes_of(value)).sum();
    let body = item["body"].as_s().unwrap();
    println!("{bytes} bytes, of which the body takes {}:\n{body}", body.len());
    assert!(bytes <= KILOBYTE, "{bytes} bytes");
    assert_eq!(ledger.mapping(mapping.subject).await.unwrap().unwrap().history, mapping.history);
    dynamo.stop().await.unwrap();
}

#[tokio::test]
async fn history_stays_as_long_as_it_costs_no_further_kilobyte() {
    let dynamo = EmbeddedDynamo::start(&Storage::Memory).await.unwrap();
    let ledger = dynamo.ledger(wire::Http::new().unwrap()).unwrap();
    let bytes = async || {
        let item = raw(&dynamo, "subscription#7").await;
        item.iter().map(|(name, value)| name.len() + bytes_of(value)).sum::<usize>()
    };
    let mut mapping = Mapping { history: vec![], ..subscription(7) };
    for n in 0..100 {
        mapping.tell(at("2026-11-21T09:12:51.733Z"), format!("line {n:02} of a long life, well told"));
        mapping = done(ledger.write(&mapping).await.unwrap());
        assert_eq!(mapping.history.last().unwrap().what, format!("line {n:02} of a long life, well told"));
        assert!(bytes().await <= KILOBYTE, "after line {n}");
    }
    assert!(mapping.history.len() > 8, "what is free is used: {} lines", mapping.history.len());
    assert!(bytes().await > KILOBYTE - 64);

    // Where the rest takes more than a kilobyte, the second one is paid and may be filled.
    let superseded = (100_000_001..100_000_090_u64).map(|id| id.try_into().unwrap()).collect();
    mapping = done(ledger.write(&Mapping { superseded, ..mapping }).await.unwrap());
    let lines = mapping.history.len();
    mapping.tell(at("2026-11-21T09:12:52Z"), "one more line");
    mapping = done(ledger.write(&mapping).await.unwrap());
    assert_eq!(mapping.history.len(), lines + 1);
    assert!((KILOBYTE..=2 * KILOBYTE).contains(&bytes().await));
    dynamo.stop().await.unwrap();
}

/// As DynamoDB counts ("Item sizes and formats", developer guide).
fn bytes_of(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(number) => number.len().div_ceil(2) + 1,
        other => panic!("an attribute of another type: {other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn saying_things_once_loses_nothing(mapping in mappings()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let ledger = MemoryLedger::new();
            let left = done(ledger.write(&mapping).await.unwrap());
            let read = ledger.mapping(mapping.subject).await.unwrap().unwrap();
            assert_eq!(read, left);
            let kept = left.history.len();
            let whole = Mapping { version: 1, ..mapping.clone() };
            assert!(whole.history.ends_with(&left.history) && kept >= whole.history.len().min(2));
            assert_eq!(Mapping { history: vec![], ..left }, Mapping { history: vec![], ..whole });
        });
    }
}

/// Mappings of few different values, so that repetitions, near repetitions and absences are frequent.
fn mappings() -> impl Strategy<Value = Mapping> {
    let subject = select(vec!["subscription#7", "order#7", "customer#7", "payment#7"]);
    let standing = select(vec![Standing::Open, Standing::Active, Standing::Ending, Standing::Closed]);
    let managed = select(vec![ManagedBy::Cleeng, ManagedBy::Connector]);
    let words =
        select(vec!["", "renewal/7/20261121T091244Z/1: ", "renewal/7/1 ", "order/7/", "/", "./1", "+2 "]);
    let whats = (words, "[a-z0-9 .]{0,40}").prop_map(|(first, rest)| format!("{first}{rest}"));
    let lines = vec((times(), whats).prop_map(|(at, what)| Line { at, what }), 0..HISTORY_LINES_MAX);
    let own = (subject, standing, managed, of(tokens()), of(select(vec!["A", "B"])), of(declines()));
    (own, of(times()), of(times()), vec(attempts(), 0..4), lines).prop_map(
        |(own, period, due, attempts, lines)| {
            let (subject, standing, managed_by, token, account, barred) = own;
            Mapping {
                standing,
                managed_by,
                token,
                account: account.map(|account| account.parse().unwrap()),
                barred,
                declines: period.into_iter().collect(),
                not_before: due,
                period_end: period,
                due,
                attempts,
                history: lines,
                ..super::bare(subject.parse::<Subject>().unwrap())
            }
        },
    )
}

fn attempts() -> impl Strategy<Value = Attempt> {
    let told =
        (of(references()), of(select(vec![1_u64, 2])), select(vec!["6.99", "6.990", "7"]), of(times()));
    (intentions(), stages(), told, facts()).prop_map(|(intention, stage, told, facts)| {
        let (reference, payment, amount, asked) = told;
        let price = Price { amount: amount.parse().unwrap(), currency: intention.money.currency };
        let payment = payment.map(|payment| payment.try_into().unwrap());
        Attempt { stage, reference, payment, price, asked, facts, ..super::intended(intention) }
    })
}

fn intentions() -> impl Strategy<Value = Intention> {
    let identity = select(vec![
        "renewal/7/20261121T091244Z/1",
        "renewal/7/20261121T091244Z/1/capture",
        "renewal/7/20261021T091244Z/1/capture",
        "renewal/77/20261121T091244Z/1",
        "order/7/1",
        "order/7/1/undo",
        "details/7/2",
        "refund/7/re_1",
        "refund/7/order",
    ]);
    let verb = select(vec![Verb::Authorise, Verb::Capture, Verb::Purchase, Verb::Refund]);
    let target = prop_oneof![
        Just(Target::Buyer),
        tokens().prop_map(Target::Token),
        references().prop_map(Target::Payment)
    ];
    let whose =
        (select(vec!["stripe", "adyen"]), of(select(vec!["A", "B"])), select(vec![864_205_791_u64, 5]));
    let what = (monies(), target, of(select(vec![1_u64, 2])), times());
    (identity, verb, whose, what).prop_map(|(identity, verb, whose, what)| {
        let ((gateway, account, customer), (money, target, order, began)) = (whose, what);
        Intention {
            identity: identity.parse::<Identity>().unwrap(),
            verb,
            gateway: gateway.parse().unwrap(),
            account: account.map(|account| account.parse().unwrap()),
            customer: customer.try_into().unwrap(),
            money,
            target,
            order: order.map(|order| order.try_into().unwrap()),
            began,
        }
    })
}

fn stages() -> impl Strategy<Value = Stage> {
    let answers = prop_oneof![approvals().prop_map(Answer::Approved), declines().prop_map(Answer::Declined)];
    prop_oneof![
        Just(Stage::Intended),
        times().prop_map(|since| Stage::AwaitingBuyer { since }),
        times().prop_map(|since| Stage::Unknown { since, why: "timeout".to_owned() }),
        times().prop_map(|since| Stage::Parked { since, why: "no answer".to_owned() }),
        Just(Stage::Withdrawn { why: "not sent".to_owned() }),
        (answers, any::<bool>()).prop_map(|(answer, told)| match told {
            true => Stage::Reported(answer),
            false => Stage::Answered(answer),
        }),
    ]
}

fn approvals() -> impl Strategy<Value = Approval> {
    let shown = (select(vec!["visa", "carte bleue", ""]), of(Just((3, 2030))));
    let cards = shown.prop_map(|(variant, expires)| Card {
        variant: variant.to_owned(),
        last_four: "4242".to_owned(),
        expires,
    });
    let kept = (of(tokens()), of(cards), of(times()));
    (references(), monies(), any::<bool>(), kept).prop_map(|(reference, money, captured, kept)| {
        let (token, card, capture_before) = kept;
        Approval { reference, money, captured, token, card, capture_before }
    })
}

fn declines() -> impl Strategy<Value = Decline> {
    let waits = of(Just(jiff::SignedDuration::from_hours(48)));
    (of(references()), waits).prop_map(|(reference, retry_after)| Decline {
        class: DeclineClass::Soft,
        reason: DeclineReason::InsufficientFunds,
        codes: "stripe:card_declined/insufficient_funds".to_owned(),
        reference,
        retry_after,
    })
}

fn facts() -> impl Strategy<Value = Facts> {
    let kinds = select(vec![FactKind::Authorised, FactKind::Captured, FactKind::Refunded]);
    vec((kinds, references(), times(), monies()), 0..4).prop_map(|news| {
        let mut facts = Facts::default();
        for (kind, thing, at, money) in news {
            facts.learn(kind, thing, Fact { at, money });
        }
        facts
    })
}

fn tokens() -> impl Strategy<Value = Token> {
    select(vec!["cus_1|pm_1", "cus_1|pm_2"]).prop_map(Token::new)
}

fn references() -> impl Strategy<Value = GatewayReference> {
    select(vec!["pi_1", "pi_2"]).prop_map(|text| text.parse().unwrap())
}

fn monies() -> impl Strategy<Value = Money> {
    let currencies = select(vec!["EUR", "USD"]);
    (select(vec![0_i64, 699]), currencies)
        .prop_map(|(minor, currency)| Money { minor, currency: currency.parse().unwrap() })
}

fn times() -> impl Strategy<Value = jiff::Timestamp> {
    select(vec![
        "2026-11-21T09:12:44Z",
        "2026-11-21T09:12:44.5Z",
        "2026-11-21T09:12:46Z",
        "2026-10-21T09:12:44Z",
    ])
    .prop_map(at)
}
