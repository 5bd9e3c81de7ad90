"""Every job has sample events, their routes are the template's routes, and their signatures hold."""

import base64
import hashlib
import hmac
import json
import re

import pytest
from expand import ROOT, jobs, written

EVENTS = sorted((ROOT / "events").glob("*/*.json"))
SAMPLES = (ROOT / "events" / "README.md").read_text()


def name(path):
    return f"{path.parent.name}/{path.stem}"


def body(event):
    raw = event["body"]
    return base64.b64decode(raw) if event["isBase64Encoded"] else raw.encode()


def sample(setting):
    return re.search(rf"^\| `{setting}`[^|]*\| `([^`]+)`", SAMPLES, re.M).group(1)


def test_every_job_has_a_folder_here_and_in_functions_in_the_templates_order():
    folders = sorted(path.name for path in (ROOT / "functions").iterdir() if path.is_dir())
    assert sorted(jobs()) == folders
    assert sorted({path.parent.name for path in EVENTS}) == folders
    design = ["initial-purchase", "payment-details", "webhook-ingest", "recurring-capture", "termination",
              "settlement", "renewal-schedule"]
    assert list(jobs()) == design


@pytest.mark.parametrize("path", EVENTS, ids=name)
def test_an_http_events_route_is_one_that_the_template_leads_to_its_job(path):
    event = json.loads(path.read_text())
    function = written()["Resources"][jobs()[path.parent.name]]["Properties"]
    routes = {
        f"{each['Properties']['Method']} {each['Properties']['Path']}"
        for each in function["Events"].values()
        if each["Type"] == "HttpApi"
    }
    if not routes:
        assert "routeKey" not in event
        return
    assert event["routeKey"] in routes
    pattern = re.sub(r"\{\w+\}", "[^/]+", event["routeKey"].split(" ")[1])
    assert re.fullmatch(pattern, event["rawPath"])


def test_every_route_has_a_sample():
    routes = {
        f"{each['Properties']['Method']} {each['Properties']['Path']}"
        for logical in jobs().values()
        for each in written()["Resources"][logical]["Properties"]["Events"].values()
        if each["Type"] == "HttpApi"
    }
    samples = {json.loads(path.read_text()).get("routeKey") for path in EVENTS}
    assert routes <= samples


@pytest.mark.parametrize("path", [p for p in EVENTS if p.stem.startswith("cleeng-")], ids=name)
def test_cleengs_signature_holds_over_the_raw_bytes_unless_forged(path):
    event = json.loads(path.read_text())
    made = hmac.new(sample("CLEENG_WEBHOOK_SECRETS").encode(), body(event), hashlib.sha256).hexdigest()
    assert (made == event["headers"]["x-cleeng-signature"]) == (path.stem != "cleeng-forged")


@pytest.mark.parametrize("path", [p for p in EVENTS if name(p).startswith("webhook-ingest/stripe-")], ids=name)
def test_stripes_signature_holds_over_the_raw_bytes(path):
    event = json.loads(path.read_text())
    stamp, signature = (part.split("=")[1] for part in event["headers"]["stripe-signature"].split(","))
    signed = stamp.encode() + b"." + body(event)
    assert hmac.new(sample("STRIPE_WEBHOOK_SECRETS").encode(), signed, hashlib.sha256).hexdigest() == signature


@pytest.mark.parametrize("path", [p for p in EVENTS if name(p).startswith("webhook-ingest/adyen-")], ids=name)
def test_adyens_signature_holds_over_its_eight_fields(path):
    for each in json.loads(body(json.loads(path.read_text())))["notificationItems"]:
        item = each["NotificationRequestItem"]
        text = ":".join([item["pspReference"], item.get("originalReference", ""), item["merchantAccountCode"],
                         item["merchantReference"], str(item["amount"]["value"]), item["amount"]["currency"],
                         item["eventCode"], item["success"]])
        made = hmac.new(bytes.fromhex(sample("ADYEN_HMAC_KEYS")), text.encode(), hashlib.sha256).digest()
        assert base64.b64decode(item["additionalData"]["hmacSignature"]) == made


@pytest.mark.parametrize("path", EVENTS, ids=name)
def test_a_queue_events_digest_is_that_of_its_body(path):
    for record in json.loads(path.read_text()).get("Records", []):
        assert record["md5OfBody"] == hashlib.md5(record["body"].encode()).hexdigest()
