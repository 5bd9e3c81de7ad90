"""What the template promises, asserted on the plain CloudFormation that SAM makes of it."""

import json
import re
import subprocess
import sys
import tomllib

import pytest
import roles
from expand import ROOT, VALUES, expanded, jobs, of_type, written

QUEUE_JOBS = ["RecurringCapture", "Termination", "Settlement"]
CALLS = {"CleengSecret", "StripeSecret", "AdyenSecret"}
HOOKS = {"CleengWebhookSecret", "StripeWebhookSecret", "AdyenWebhookSecret"}
RECEIVE = {"sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"}


def tool(name):
    """A program beside the Python that runs this."""
    return str(re.sub(r"[^/]+$", name, sys.executable))


@pytest.fixture(scope="session")
def expanded_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("template") / "expanded.json"
    path.write_text(json.dumps(expanded()))
    return path


def function(name):
    return expanded()["Resources"][name]["Properties"]


def granted(name):
    """What a job's role allows: action to the names of resources."""
    allowed = {}
    for statement in roles.statements(expanded()["Resources"][f"{name}Role"]):
        for action in roles.listed(statement["Action"]):
            resources = {roles.said(each).split(" ")[0] for each in roles.listed(statement["Resource"])}
            allowed.setdefault(action, set()).update(resources)
    return allowed


def test_cfn_lint_finds_nothing_in_the_template_as_written():
    done = subprocess.run([tool("cfn-lint"), "--regions", "eu-west-1", "--", ROOT / "template.yaml"],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_cfn_lint_finds_nothing_in_what_sam_makes_of_it(expanded_file):
    # W2001: SAM has used up the parameters it decides by. W1030: as in the template's own Metadata.
    done = subprocess.run([tool("cfn-lint"), "-i", "W2001", "W1030", "--regions", "eu-west-1", "--", expanded_file],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


# What checkov asks for and this deployment answers otherwise.
CHECKOV_SKIPS = {
    "CKV_AWS_27": "queues are encrypted with SQS's own keys (SqsManagedSseEnabled), which this check does not know",
    "CKV_AWS_115": "queue workers are bounded at their event source; a reservation would throttle it",
    "CKV_AWS_116": "HTTP and queue functions are not invoked asynchronously; the next tick repeats the timer's",
    "CKV_AWS_117": "nothing here lies in a VPC; one would only put a NAT gateway in front of public APIs",
    "CKV_AWS_158": "logs carry no secrets, tokens or personal data; CloudWatch's own encryption serves",
    "CKV_AWS_173": "environment variables carry no secrets; secrets are read from Secrets Manager",
}


def test_checkov_finds_nothing_beyond_the_reasoned_skips(expanded_file):
    done = subprocess.run(
        [tool("checkov"), "-f", expanded_file, "--framework", "cloudformation", "--skip-download", "--compact",
         "--quiet", "--skip-check", ",".join(CHECKOV_SKIPS)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_every_reasoned_skip_is_still_needed(expanded_file):
    done = subprocess.run(
        [tool("checkov"), "-f", expanded_file, "--framework", "cloudformation", "--skip-download", "--compact",
         "--quiet", "--output", "json"], capture_output=True, text=True)
    failed = {check["check_id"] for check in json.loads(done.stdout)["results"]["failed_checks"]}
    assert failed == set(CHECKOV_SKIPS)


@pytest.mark.parametrize("name", jobs().values())
def test_a_function_is_one_arm_binary_behind_the_live_alias(name):
    properties = function(name)
    job = {logical: job for job, logical in jobs().items()}[name]
    assert properties["Runtime"] == "provided.al2023" and properties["Handler"] == "bootstrap"
    assert expanded()["Parameters"]["Architecture"]["Default"] == "arm64"
    assert properties["FunctionName"] == {"Fn::Sub": "${AWS::StackName}-" + job}
    assert written()["Resources"][name]["Metadata"]["BuildMethod"] == "rust-cargolambda"
    # Not the workspace's root: there `cargo lambda build --bin` finds the default members' binaries alone.
    assert written()["Resources"][name]["Properties"]["CodeUri"] == f"functions/{job}"
    assert f"{name}Aliaslive" in expanded()["Resources"]
    assert written()["Resources"][name]["Properties"]["AutoPublishAliasAllProperties"] is True


@pytest.mark.parametrize("name", QUEUE_JOBS)
def test_a_queue_job_reports_what_failed_and_is_bounded(name):
    source = expanded()["Resources"][f"{name}Batch"]["Properties"]
    assert source["FunctionName"] == {"Ref": f"{name}Aliaslive"}
    assert source["EventSourceArn"] == {"Fn::GetAtt": [f"{name}Queue", "Arn"]}
    assert source["BatchSize"] == 10
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert source["ScalingConfig"]["MaximumConcurrency"] in (2, {"Ref": "RenewalInvocationsMax"})
    assert "ReservedConcurrentExecutions" not in function(name), "a reservation below the bound throttles the source"


@pytest.mark.parametrize("name", QUEUE_JOBS)
def test_a_message_outlives_its_function_and_ends_in_a_queue_that_keeps_it_longer(name):
    queue = expanded()["Resources"][f"{name}Queue"]["Properties"]
    letters = expanded()["Resources"][f"{name}DeadLetters"]["Properties"]
    assert queue["VisibilityTimeout"] >= 6 * function(name)["Timeout"]
    assert queue["RedrivePolicy"]["deadLetterTargetArn"] == {"Fn::GetAtt": [f"{name}DeadLetters", "Arn"]}
    assert queue["RedrivePolicy"]["maxReceiveCount"] >= 5
    assert letters["MessageRetentionPeriod"] > queue["MessageRetentionPeriod"]
    assert queue["SqsManagedSseEnabled"] and letters["SqsManagedSseEnabled"]


def test_every_queue_refuses_what_is_not_encrypted_on_the_way():
    policy = expanded()["Resources"]["QueuesSpeakTls"]["Properties"]
    assert {each["Ref"] for each in policy["Queues"]} == set(of_type(expanded(), "AWS::SQS::Queue"))


def test_the_timer_runs_each_minute_and_never_twice_at_once():
    (timer,) = of_type(expanded(), "AWS::Scheduler::Schedule").values()
    target = timer["Properties"]["Target"]
    assert timer["Properties"]["ScheduleExpression"] == "rate(1 minute)"
    assert target["Arn"] == {"Ref": "RenewalScheduleAliaslive"}
    assert target["DeadLetterConfig"]["Arn"] == {"Fn::GetAtt": ["RenewalScheduleDeadLetters", "Arn"]}
    assert function("RenewalSchedule")["Timeout"] < 60
    assert function("RenewalSchedule")["ReservedConcurrentExecutions"]["Fn::If"][1] == 1


def test_buyers_hear_an_answer_before_the_api_gives_up():
    for name in ["InitialPurchase", "PaymentDetails"]:
        assert function(name)["Timeout"] < 30


# What a call of the ledger's contract needs in the table (shared/ledger/src/dynamo).
ACTIONS = {
    "mapping": "dynamodb:GetItem", "event": "dynamodb:GetItem", "write": "dynamodb:PutItem",
    "keep_event": "dynamodb:PutItem", "mark_event": "dynamodb:UpdateItem", "due": "dynamodb:Query",
    "page": "dynamodb:Scan",
}


def needs(job):
    """What a job's sources say it needs: ledger actions, secrets, queues it sends to, and whether it reads one."""
    folder = ROOT / "functions" / job
    sources = "\n".join(path.read_text() for path in (folder / "src").rglob("*.rs"))
    crates = set(tomllib.loads((folder / "Cargo.toml").read_text())["dependencies"])
    calls = re.findall(r"\bledger\s*\.\s*(" + "|".join(ACTIONS) + r")\(", sources)
    actions = {ACTIONS[call] for call in calls}
    secrets = set()
    if "attempt" in crates:  # whoever may begin an attempt reads, writes and speaks to Cleeng and the gateways
        actions |= {"dynamodb:GetItem", "dynamodb:PutItem"}
        secrets = CALLS
    elif "gateways" in crates:
        secrets = HOOKS
    main = (folder / "src" / "main.rs").read_text()
    sends = re.search(r"Live::start_sending\(\s*&(\[.*?\]|Job::ALL)", main, re.S)
    assert sends or "Live::start(" in main
    sends = sends.group(1) if sends else ""
    named = QUEUE_JOBS if sends == "Job::ALL" else re.findall(r"Job::(\w+)", sends)
    return actions, secrets, {f"{each}Queue" for each in named}, "batch::run" in main


@pytest.mark.parametrize(("job", "name"), jobs().items())
def test_a_job_may_do_what_its_code_needs_and_nothing_else(job, name):
    actions, secrets, sends, receives = needs(job)
    if name == "WebhookIngest":
        actions.add("dynamodb:GetItem")  # of the item that is never there, to open the connection
    allowed = granted(name)
    assert {action for action in allowed if action.startswith("dynamodb:")} == actions
    assert allowed.pop("secretsmanager:GetSecretValue", set()) == secrets
    assert allowed.pop("sqs:SendMessage", set()) == sends
    assert {action for action in allowed if action.startswith("sqs:")} == (RECEIVE if receives else set())
    for action in RECEIVE if receives else []:
        assert allowed[action] == {f"{name}Queue"}
    assert allowed["kms:Decrypt"] == {"Key"} and allowed["logs:PutLogEvents"] == {f"{name}Log"}
    assert {action.split(":")[0] for action in allowed} <= {"dynamodb", "sqs", "kms", "logs"}


@pytest.mark.parametrize(("job", "name"), jobs().items())
def test_a_job_knows_the_queues_it_sends_to_and_no_others(job, name):
    known = {value["Ref"] for key, value in function(name)["Environment"]["Variables"].items() if key.endswith("_QUEUE_URL")}
    assert known == needs(job)[2]


@pytest.mark.parametrize("name", jobs().values())
def test_a_job_is_told_of_the_secrets_it_may_read_and_of_no_others(name):
    listed = function(name)["Environment"]["Variables"].get("SECRETS", {"Fn::Join": ["", []]})["Fn::Join"][1]
    told = {roles.said(each).split(" ")[0] for each in listed}
    assert told == granted(name).get("secretsmanager:GetSecretValue", set())


def test_no_role_has_a_wildcard():
    policies = {**of_type(expanded(), "AWS::IAM::Role"), **of_type(expanded(), "AWS::IAM::ManagedPolicy")}
    for name, role in policies.items():
        for statement in roles.statements(role):
            for text in [*roles.listed(statement["Action"]), *map(json.dumps, roles.listed(statement["Resource"]))]:
                assert "*" not in text, f"{name}: {text}"


def test_who_faces_the_world_touches_events_alone():
    for statement in roles.statements(expanded()["Resources"]["WebhookIngestRole"]):
        if any(action.startswith("dynamodb:") for action in statement["Action"]):
            (keys,) = [test["dynamodb:LeadingKeys"] for test in statement["Condition"].values()]
            assert keys in (["event#*"], ["nobody"])


def test_the_page_of_roles_is_fresh():
    shown = (ROOT / "docs" / "roles.md").read_text()
    assert shown == roles.page(), "run: python tests/template/roles.py > docs/roles.md"


def test_no_secret_travels_in_an_environment_variable():
    names = {
        name
        for logical in jobs().values()
        for name in function(logical)["Environment"]["Variables"]
        if re.search(r"TOKEN$|PASSWORD|API_KEY|SECRET_KEY|HMAC|WEBHOOK_SECRETS|PATH_KEY", name)
    }
    assert names == set()


def sources():
    """The Rust of the jobs and of what they share, without tests."""
    for folder in ["shared", "functions"]:
        for path in sorted((ROOT / folder).glob("*/src/**/*.rs")):
            yield path.read_text().split("#[cfg(test)]")[0]


def given():
    """Names of settings that the template gives as environment variables."""
    variables = [function(logical)["Environment"]["Variables"] for logical in jobs().values()]
    return set().union(*variables)


def secret_members():
    """Names of settings that the secrets hold, as their descriptions say."""
    secrets = of_type(expanded(), "AWS::SecretsManager::Secret").values()
    return set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", " ".join(each["Properties"]["Description"] for each in secrets)))


def test_every_setting_that_the_template_gives_is_read_by_the_code():
    words = {word for text in sources() for word in re.findall(r'"([A-Z][A-Z0-9_]+)"', text)}
    assert given() | secret_members() <= words


def test_every_setting_that_the_code_reads_is_given_by_the_template_or_a_secret():
    call = r"\.\s*(?:required|optional|parsed|parsed_or|address|secret|secrets|json)(?:::<[^>]*>)?\(\s*"
    read = set()
    for text in sources():
        names = dict(re.findall(r'const (\w+): &(?:\'static )?str = "([A-Z][A-Z0-9_]+)"', text))
        read |= set(re.findall(call + r'"([A-Z][A-Z0-9_]+)"', text))
        read |= {names[name] for name in re.findall(call + r"([A-Z_]+)\b", text) if name in names}
    assert len(read) > 20
    platform = {name for name in read if name.startswith("AWS_")}  # Lambda's own, and endpoints of the local system
    assert read - platform <= given() | secret_members()


def test_the_deployers_guide_names_every_member_of_every_secret():
    guide = (ROOT / "docs" / "deploying.md").read_text()
    assert {name for name in secret_members() if f"`{name}`" not in guide} == set()


def test_the_ledger_survives_mistakes():
    ledger = expanded()["Resources"]["Ledger"]
    properties = ledger["Properties"]
    assert ledger["DeletionPolicy"] == ledger["UpdateReplacePolicy"] == "Retain"
    assert properties["DeletionProtectionEnabled"] is True
    assert properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
    assert properties["SSESpecification"]["KMSMasterKeyId"] == {"Fn::GetAtt": ["Key", "Arn"]}
    assert properties["TimeToLiveSpecification"] == {"AttributeName": "expires", "Enabled": True}
    (index,) = properties["GlobalSecondaryIndexes"]
    assert (index["IndexName"], index["Projection"]) == ("due", {"ProjectionType": "KEYS_ONLY"})
    assert [key["AttributeName"] for key in index["KeySchema"]] == ["due_shard", "due"]


def test_access_logs_hold_neither_bodies_nor_paths_nor_headers():
    (stage,) = of_type(expanded(), "AWS::ApiGatewayV2::Stage").values()
    logged = set(re.findall(r"\$context\.([\w.]+)", stage["Properties"]["AccessLogSettings"]["Format"]))
    assert logged == {"requestId", "routeKey", "status", "responseLatency", "integrationLatency", "responseLength",
                      "error.responseType"}


def test_every_route_is_throttled_and_every_named_limit_is_of_a_route():
    (stage,) = of_type(expanded(), "AWS::ApiGatewayV2::Stage").values()
    routes = {
        f"{method.upper()} {path}"
        for path, methods in expanded()["Resources"]["Api"]["Properties"]["Body"]["paths"].items()
        for method in methods
        if method != "options"
    }
    assert set(stage["Properties"]["RouteSettings"]) <= routes
    assert stage["Properties"]["DefaultRouteSettings"]["ThrottlingRateLimit"] > 0


def headings():
    """The anchors of docs/operating.md, as readers of Markdown make them."""
    text = (ROOT / "docs" / "operating.md").read_text()
    for line in re.findall(r"^#+ (.+)$", text, re.M):
        yield re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-")


@pytest.mark.parametrize("name", of_type(written(), "AWS::CloudWatch::Alarm"))
def test_an_alarm_calls_somebody_and_says_where_to_read_on(name):
    alarm = expanded()["Resources"][name]["Properties"]
    assert alarm["AlarmActions"] == [{"Ref": "AlarmTopic"}]
    anchor = re.search(r"\$\{RunbookUrl\}#([\w-]+)$", alarm["AlarmDescription"]["Fn::Sub"])
    assert anchor and anchor.group(1) in set(headings())


def test_every_call_for_a_person_in_the_logs_is_explained_in_the_runbook():
    logged = {kind for text in sources() for kind in re.findall(r'alarm = "(\w+)"', text)}
    runbook = (ROOT / "docs" / "operating.md").read_text()
    section = runbook.split("## A person is called")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \| (?!what)", section, re.M)) == logged


def test_a_call_for_a_person_is_heard_in_every_jobs_log():
    filters = of_type(expanded(), "AWS::Logs::MetricFilter").values()
    heard = {each["Properties"]["LogGroupName"]["Ref"] for each in filters}
    assert heard == {f"{logical}Log" for logical in jobs().values()}
    alarm = expanded()["Resources"]["APersonIsCalled"]["Properties"]
    for each in filters:
        (transformation,) = each["Properties"]["MetricTransformations"]
        assert transformation["MetricNamespace"] == alarm["Namespace"]
        assert transformation["MetricName"] == alarm["MetricName"]


def test_every_metric_that_is_watched_or_shown_is_written_by_the_code():
    template = (ROOT / "template.yaml").read_text()
    watched = set(re.findall(r'SELECT \w+\((\w+)\) FROM "\$\{AWS::StackName\}"', template))
    shown = set(re.findall(r'MetricName=\\\\?"(\w+)\\\\?"', template))
    assert len(watched) == 4 and watched < shown
    code = "\n".join(sources())
    assert {name for name in shown if f'"{name}"' not in code} == set()


def test_every_dead_letter_queue_rings():
    watched = {
        alarm["Properties"]["Dimensions"][0]["Value"]["Fn::GetAtt"][0]
        for name, alarm in of_type(expanded(), "AWS::CloudWatch::Alarm").items()
        if name.endswith("HasDeadLetters")
    }
    assert watched == {name for name in of_type(expanded(), "AWS::SQS::Queue") if name.endswith("DeadLetters")}


@pytest.mark.parametrize("name", jobs().values())
def test_a_new_version_goes_back_when_its_alarm_rings(name):
    group = expanded()["Resources"][f"{name}DeploymentGroup"]["Properties"]
    assert {"Name": {"Ref": f"{name}Errors"}} in group["AlarmConfiguration"]["Alarms"]
    assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]


def test_the_dashboard_is_json():
    body = expanded()["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    widgets = json.loads(body)["widgets"]
    assert len({(widget["x"], widget["y"]) for widget in widgets}) == len(widgets)


# Names of Cleeng's own, which no pattern can tell from another word; all have the documented default.
PLAIN_WORDS = {"CleengFreePaymentOperation", "CleengRefundedAmountField", "CleengRefundTypeField",
               "CleengWebhookSignatureHeader"}
PLACEHOLDERS = ["changeme", "<your-value>", "your-value-here", "TODO", "xxx", "${VALUE}", "https://example"]


@pytest.mark.parametrize("name", written()["Parameters"])
def test_a_parameter_refuses_what_is_left_over_from_an_example(name):
    parameter = written()["Parameters"][name]
    assert parameter.get("Description"), "say what it is for"
    if "AllowedValues" in parameter or parameter["Type"] == "Number":
        return
    pattern = parameter["AllowedPattern"]
    for text in [] if name in PLAIN_WORDS else PLACEHOLDERS:
        assert not re.fullmatch(pattern, text), f"{name} takes {text}"
    for value in [VALUES.get(name), parameter.get("Default")]:
        assert value is None or re.fullmatch(pattern, value), f"{name} refuses {value}"


def test_every_parameter_without_a_default_is_one_that_only_the_deployer_knows():
    asked = {name for name, parameter in written()["Parameters"].items() if "Default" not in parameter}
    assert asked == {"Mode", "AlarmTopic", "PaymentMethods", "CleengMediaStoreUrl", "PageOrigins"}
