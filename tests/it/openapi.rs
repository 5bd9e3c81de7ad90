//! docs/openapi.yaml is true: its examples, the sample events, the template's routes and the source's codes agree with it.
//! That every story's requests and answers do is seen to by the world in which stories play.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tests::description::{Description, description};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every place of the file at which a schema stands beside examples.
fn media(described: &Description) -> Vec<String> {
    let mut places = Vec::new();
    for (path, item) in described.paths() {
        let operation = format!("/paths/{}/post", path.replace('/', "~1"));
        let answers = item["post"]["responses"].as_object().unwrap();
        let answers = answers.keys().map(|status| format!("{operation}/responses/{status}"));
        for place in [format!("{operation}/requestBody")].into_iter().chain(answers) {
            let place = described.followed(place);
            let kinds = described.at(&format!("{place}/content")).as_object().unwrap();
            places.extend(kinds.keys().map(|kind| format!("{place}/content/{}", kind.replace('/', "~1"))));
        }
    }
    places
}

#[test]
fn every_example_is_what_its_schema_says() {
    let described = description();
    let mut seen = 0;
    for place in media(described) {
        let examples = described.at(&place)["examples"].as_object();
        for (name, example) in examples.into_iter().flatten() {
            let broken = described.broken_value(&format!("{place}/schema"), &example["value"]);
            assert_eq!(broken, Vec::<String>::new(), "{place}/examples/{name}");
            seen += 1;
        }
    }
    assert!(seen > 20, "{seen} examples");
}

#[test]
fn a_description_that_says_otherwise_is_found_out() {
    let paid = json!({"responseData": {"payment": {
        "id": 1, "orderId": 2, "status": "captured", "totalAmount": 6.99, "currency": "EUR", "customerId": 3,
        "paymentGateway": "stripe",
    }}, "errors": []});
    let broken = |status: u16, answer: &Value, request: &Value| {
        let json = |name: &str| (name == "content-type").then(|| "application/json".to_owned());
        let (request, answer) = (request.to_string(), answer.to_string());
        let path = "/connectors/stripe/initial-payment/finalize";
        description().broken("POST", path, request.as_bytes(), status, &json, answer.as_bytes())
    };
    let request = json!({"orderId": 2});
    assert_eq!(broken(200, &paid, &request), Vec::<String>::new());
    for (place, value) in [
        ("/responseData/payment/status", json!("pending")),
        ("/responseData/payment/totalAmount", json!("6.99")),
        ("/responseData/payment/paymentGateway", json!("paypal")),
        ("/errors", json!(["why"])),
    ] {
        let mut spoilt = paid.clone();
        *spoilt.pointer_mut(place).unwrap() = value;
        assert_ne!(broken(200, &spoilt, &request), Vec::<String>::new(), "{place}");
    }
    assert_ne!(broken(202, &paid, &request), Vec::<String>::new(), "pending is not captured");
    assert_ne!(broken(418, &paid, &request), Vec::<String>::new(), "no such status");
    assert_ne!(
        broken(200, &paid, &json!({"orderId": -2})),
        Vec::<String>::new(),
        "served what is not described"
    );
    let refusal = json!({"responseData": null, "errors": ["Not now."], "code": "STRIPE0005"});
    assert_eq!(broken(503, &refusal, &request), ["the header Retry-After is missing"]);
    assert_ne!(broken(422, &json!({"errors": ["No."]}), &request), Vec::<String>::new(), "no code");
}

#[test]
fn every_route_of_the_template_is_described_and_no_other() {
    let template = fs::read_to_string(root().join("template.yaml")).unwrap();
    let routes: BTreeSet<&str> = template
        .lines()
        .filter(|line| line.contains("Type: HttpApi"))
        .map(|line| {
            assert!(line.contains("Method: POST"), "{line}");
            line.split("Path: \"").nth(1).and_then(|rest| rest.split('"').next()).unwrap()
        })
        .collect();
    let described: BTreeSet<&str> = description().paths().keys().map(String::as_str).collect();
    assert_eq!(described, routes);
}

/// The codes that stand in the functions' source: whole ones, and numbers that follow a gateway's name.
#[test]
fn every_code_of_the_source_is_described_and_no_other() {
    let gateways = ["stripe", "adyen"].map(|name| (name, root().join("shared/gateways/src").join(name)));
    let mut codes = BTreeSet::new();
    let mut open = vec![root().join("shared/entrypoint/src"), root().join("functions")];
    while let Some(place) = open.pop() {
        for path in fs::read_dir(place).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let told = text.split("#[cfg(test)]").next().unwrap_or_default();
            for quoted in told.split('"').skip(1).step_by(2) {
                let (name, number) =
                    quoted.split_at(quoted.find(|it: char| it.is_ascii_digit()).unwrap_or(0));
                let is_number = number.len() == 4 && number.bytes().all(|it| it.is_ascii_digit());
                if is_number && matches!(name, "REQ" | "AUTH") {
                    codes.insert(quoted.to_owned());
                } else if is_number && name.is_empty() {
                    codes.extend(gateways.iter().map(|(gateway, folder)| {
                        assert!(folder.is_dir());
                        format!("{}{number}", gateway.to_uppercase())
                    }));
                }
            }
        }
    }
    let described = description().at("/components/schemas/ErrorCode/enum").as_array().unwrap();
    let described: BTreeSet<_> = described.iter().map(|code| code.as_str().unwrap().to_owned()).collect();
    assert_eq!(described, codes);
}

#[test]
fn every_sample_event_of_a_front_end_is_a_described_request() {
    let mut seen = 0;
    for job in ["initial-purchase", "payment-details"] {
        for path in fs::read_dir(root().join("events").join(job)).unwrap().map(|entry| entry.unwrap().path())
        {
            let event: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            let body = event["body"].as_str().unwrap();
            if event["isBase64Encoded"] == true {
                continue;
            }
            let route = event["routeKey"].as_str().unwrap().trim_start_matches("POST ").replace('/', "~1");
            let schema = format!("/paths/{route}/post/requestBody/content/application~1json/schema");
            let broken = description().broken_value(&schema, &serde_json::from_str(body).unwrap());
            assert_eq!(broken, Vec::<String>::new(), "{}", path.display());
            seen += 1;
        }
    }
    assert!(seen > 9, "{seen} sample events");
}
