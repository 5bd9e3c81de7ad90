//! Every button does what it says, and the pages tell what came of it.

use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::Console;

fn texts<'a>(rows: &'a Value, member: &str) -> Vec<&'a str> {
    rows.as_array().unwrap().iter().filter_map(|row| row[member].as_str()).collect()
}

/// Movements of a deal, the oldest first: what each of the three ledgers calls them.
fn standings(deal: &Value) -> Vec<[String; 3]> {
    let word = |line: &Value, ledger: &str| line[ledger]["standing"].as_str().unwrap_or("none").to_owned();
    let lines = deal["lines"].as_array().unwrap().iter().rev();
    lines.map(|line| ["ours", "cleeng", "gateway"].map(|ledger| word(line, ledger))).collect()
}

fn amount(told: &Value) -> Decimal {
    told.as_str().unwrap().parse().unwrap()
}

async fn agrees(console: &Console) {
    let front = console.read("/local/state").await;
    assert_eq!(front["difference_count"], 0, "{}", front["differences"]);
    assert_eq!(amount(&front["recorded"]["EUR"]), amount(&front["money"]["EUR"]));
}

#[tokio::test]
async fn a_purchase_and_its_renewal_are_one_story_in_the_order_in_which_it_happened() {
    for gateway in ["stripe", "adyen"] {
        let console = Console::open().await;
        let key = console.sell(gateway, "asks_first", 1).await;
        console.try_it(&key, "renew", json!({})).await;
        let deal = console.deal(&key).await;
        let all = ["captured", "captured", "captured"].map(str::to_owned);
        assert_eq!(standings(&deal), [all.clone(), all], "{gateway}");
        let told: Vec<String> = deal["timeline"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| {
                format!(
                    "{} {}{}",
                    it["kind"].as_str().unwrap(),
                    it["what"].as_str().unwrap_or(""),
                    it["text"].as_str().unwrap_or("")
                )
            })
            .collect();
        let place = |word: &str| {
            told.iter().position(|it| it.contains(word)).unwrap_or_else(|| panic!("no {word} in {told:#?}"))
        };
        let order = [
            "said initial-payment",
            "purchase 6.99 EUR intended",
            "the buyer must authenticate",
            "said initial-payment/finalize",
            "purchase approved",
            "became the subscription",
            "said subscriptionReadyForPaymentAuthorisation",
            "authorise 6.99 EUR intended",
            "authorise approved",
            "said subscriptionReadyForPaymentCapture",
            "capture approved",
        ];
        assert!(order.map(place).is_sorted(), "{gateway}: {told:#?}");
        let intended = told.iter().filter(|it| it.contains("intended")).count();
        assert_eq!(intended, 3, "a line that was heard is not told again from the item: {told:#?}");
        agrees(&console).await;
    }
}

#[tokio::test]
async fn a_card_that_is_told_to_refuse_refuses_once_and_is_asked_again_by_dunning() {
    for gateway in ["stripe", "adyen"] {
        let console = Console::open().await;
        let key = console.sell(gateway, "pays", 1).await;
        console.try_it(&key, "decline", json!({ "reason": "insufficient_funds", "times": 1 })).await;
        console.try_it(&key, "renew", json!({})).await;
        let deal = console.deal(&key).await;
        let gateways: Vec<_> = standings(&deal).into_iter().map(|[_, _, gateway]| gateway).collect();
        assert_eq!(gateways, ["captured", "refused", "captured"], "{gateway}: {}", deal["lines"]);
        let front = console.read("/local/state").await;
        assert_eq!((&front["captured"], &front["declined"]), (&json!(2), &json!(1)));
        agrees(&console).await;
    }
}

#[tokio::test]
async fn money_goes_back_by_cleeng_by_the_gateway_and_by_the_bank() {
    for gateway in ["stripe", "adyen"] {
        for (verb, standing) in
            [("refund", "refunded"), ("refund-at-gateway", "refunded"), ("chargeback", "disputed")]
        {
            let console = Console::open().await;
            let key = console.sell(gateway, "pays", 1).await;
            console.try_it(&key, verb, json!({})).await;
            console.press("/local/clock", json!({ "days": 1 })).await;
            console.rest().await;
            let deal = console.deal(&key).await;
            let [_, cleeng, at_gateway] = standings(&deal).remove(0);
            assert_eq!((cleeng.as_str(), at_gateway.as_str()), ("refunded", standing), "{gateway} {verb}");
            assert!(!deal["tries"].to_string().contains(verb), "there is nothing left to return");
            agrees(&console).await;
        }
    }
}

#[tokio::test]
async fn a_part_is_returned_to_the_cent() {
    let console = Console::open().await;
    let key = console.sell("stripe", "pays", 1).await;
    console.try_it(&key, "refund", json!({ "amount": "2.50" })).await;
    let line = &console.deal(&key).await["lines"][0];
    let returned = Decimal::new(250, 2);
    assert_eq!(
        (amount(&line["cleeng"]["returned"]), amount(&line["gateway"]["returned"])),
        (returned, returned)
    );
    assert_eq!(console.read("/local/state").await["money"]["EUR"], "4.49");
    agrees(&console).await;
}

#[tokio::test]
async fn an_event_that_comes_twice_charges_once() {
    let console = Console::open().await;
    let key = console.sell("adyen", "pays", 1).await;
    console.try_it(&key, "renew", json!({})).await;
    console.try_it(&key, "again", json!({})).await;
    let deal = console.deal(&key).await;
    let events = texts(&deal["timeline"], "what");
    let captures = events.iter().filter(|it| **it == "subscriptionReadyForPaymentCapture").count();
    assert_eq!((captures, deal["lines"].as_array().unwrap().len()), (2, 2));
    agrees(&console).await;
}

#[tokio::test]
async fn another_card_pays_from_now_on() {
    let console = Console::open().await;
    let key = console.sell("stripe", "refuses_later", 1).await;
    console.try_it(&key, "change-card", json!({ "card": "pays" })).await;
    console.try_it(&key, "renew", json!({})).await;
    let front = console.read("/local/state").await;
    assert_eq!((&front["captured"], &front["declined"]), (&json!(2), &json!(0)));
    agrees(&console).await;
}

#[tokio::test]
async fn who_stops_watches_to_the_end_of_what_is_paid_and_is_not_charged_again() {
    let console = Console::open().await;
    let key = console.sell("adyen", "pays", 1).await;
    console.try_it(&key, "stop", json!({})).await;
    let stopped = console.deal(&key).await;
    assert_eq!(
        (&stopped["cleeng"]["status"], &stopped["cleeng"]["has_access"]),
        (&json!("stopped"), &json!(true))
    );
    console.press("/local/clock", json!({ "days": 40 })).await;
    console.rest().await;
    let ended = console.read("/local/deals?which=ended").await;
    assert_eq!((&ended["total"], &ended["rows"][0]["paid"]), (&json!(1), &json!(1)));
    agrees(&console).await;
}

#[tokio::test]
async fn whatever_becomes_of_a_gateways_answer_the_buyer_pays_once() {
    for gateway in ["stripe", "adyen"] {
        let console = Console::open().await;
        // A gateway that certainly did nothing leaves nothing: the buyer is told, and may pay again.
        for (fault, times) in [("lose", 1..=1), ("silent", 1..=1), ("down", 0..=1)] {
            console.press("/local/faults", json!({ "gateway": gateway, "what": fault })).await;
            let key = console.sell(gateway, "pays", 1).await;
            let deal = console.deal(&key).await;
            let taken = standings(&deal).iter().filter(|[_, _, it]| it == "captured").count();
            assert!(times.contains(&taken), "{gateway} {fault}: {}", deal["lines"]);
            agrees(&console).await;
        }
    }
}

#[tokio::test]
async fn workers_that_die_in_mid_payment_neither_lose_it_nor_take_it_twice() {
    for gateway in ["stripe", "adyen"] {
        let console = Console::open().await;
        let key = console.sell(gateway, "pays", 1).await;
        console.press("/local/faults", json!({ "gateway": gateway, "what": "crash" })).await;
        console.try_it(&key, "renew", json!({})).await;
        let deal = console.deal(&key).await;
        let taken = standings(&deal).iter().filter(|[_, _, it]| it == "captured").count();
        assert_eq!(taken, 2, "{gateway}: {}", deal["lines"]);
        let lost = deal["timeline"].as_array().unwrap().iter().filter(|it| it["status"] == 502).count();
        assert_eq!(lost, 1, "the story tells of it");
        assert_eq!(console.read("/local/state").await["crash_armed"], false);
        agrees(&console).await;
    }
}

#[tokio::test]
async fn while_the_clock_is_moved_the_timer_looks_as_soon_as_it_would_in_the_cloud() {
    let console = Console::open().await;
    let key = console.sell("adyen", "pays", 1).await;
    console.press("/local/faults", json!({ "gateway": "adyen", "what": "down" })).await;
    console.try_it(&key, "renew", json!({})).await;
    let deal = console.deal(&key).await;
    let asked =
        deal["timeline"].as_array().unwrap().iter().filter(|it| it["to"] == "gateway" && it["status"] == 500);
    let hours: Vec<Timestamp> = asked.map(|it| it["at"].as_str().unwrap().parse().unwrap()).collect();
    let waits: Vec<_> = hours.windows(2).map(|pair| pair[1].duration_since(pair[0])).collect();
    assert!(waits.len() == 2 && waits[0] <= SignedDuration::from_mins(2), "{waits:?}");
    assert!(waits.is_sorted(), "the back-off grows: {waits:?}");
}

#[tokio::test]
async fn what_was_taken_back_stays_so_though_its_approval_is_told_late() {
    let console = Console::open().await;
    let key = console.sell("adyen", "pays", 1).await;
    // Adyen is down for so long that the order has expired when it answers: what is held then is let go.
    let down = json!({ "fault": "500_before", "times": 7 });
    assert!(console.served.started.system.peers.adyen_host.control("next", &down).status().is_success());
    console.try_it(&key, "renew", json!({})).await;
    console.press("/local/clock", json!({ "days": 2 })).await;
    console.rest().await;
    let deal = console.deal(&key).await;
    let ours: Vec<_> = standings(&deal).into_iter().map(|[ours, _, _]| ours).collect();
    assert_eq!(ours, ["captured", "let go", "captured"], "the next try pays: {}", deal["lines"]);
    let front = console.read("/local/state").await;
    assert_eq!((&front["due_count"], &front["parked"]), (&json!(0), &json!(0)), "{}", deal["timeline"]);
    agrees(&console).await;
}

#[tokio::test]
async fn a_difference_is_marked_on_its_row_on_its_deal_and_at_the_front_until_it_is_gone() {
    let console = Console::open().await;
    let key = console.sell("stripe", "pays", 2).await;
    // The gateway's webhook is on its way: until it is heard, Cleeng believes to have what was returned.
    console.press(&format!("/local/deals/{key}/refund-at-gateway"), json!({})).await;
    let deal = console.deal(&key).await;
    assert_eq!(
        (deal["differences"].as_array().unwrap().len(), &deal["lines"][0]["differs"]),
        (1, &json!(true)),
        "{deal}"
    );
    let marked = console.read("/local/deals?which=attention").await;
    assert_eq!(
        (&marked["total"], &marked["rows"][0]["key"], &marked["rows"][0]["marks"]),
        (&json!(1), &json!(key), &json!(["differs"]))
    );
    let front = console.read("/local/state").await;
    assert_eq!((&front["difference_count"], &front["differences"][0]["deal"]), (&json!(1), &json!(key)));
    console.rest().await;
    agrees(&console).await;
    assert_eq!(console.read("/local/deals?which=attention").await["total"], 0);
}

#[tokio::test]
async fn the_clock_goes_to_the_next_event_and_stops_where_it_is_told_to() {
    let console = Console::open().await;
    let key = console.sell("stripe", "pays", 1).await;
    let next = console.read("/local/state").await["next"].as_str().unwrap().to_owned();
    console.press("/local/clock", json!({ "next": true })).await;
    console.rest().await;
    let newest = console.deal(&key).await["timeline"].as_array().unwrap().last().unwrap()["at"].clone();
    assert!(newest.as_str().unwrap() >= next.as_str(), "{newest} is before {next}");
    console.press("/local/clock", json!({ "days": 366 })).await;
    assert!(console.read("/local/state").await["goal"].is_string());
    console.press("/local/clock", json!({ "stop": true })).await;
    assert!(console.read("/local/state").await["goal"].is_null());
}
