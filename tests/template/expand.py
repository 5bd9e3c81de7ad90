"""Expands template.yaml to plain CloudFormation, offline: what SAM would make of it in the cloud."""

import copy
import functools
import json
import os
import pathlib

os.environ.setdefault("AWS_DEFAULT_REGION", "eu-west-1")  # the translator asks boto3 for one; nothing is called

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

ROOT = pathlib.Path(__file__).resolve().parents[2]

# What a deployment gives for the parameters that have no default.
VALUES = {
    "Mode": "test",
    "AlarmTopic": "arn:aws:sns:eu-west-1:123456789012:on-call",
    "PaymentMethods": '[{"paymentMethodId":194856795,"gateway":"stripe"},{"paymentMethodId":194856796,"gateway":"adyen"}]',
    "CleengMediaStoreUrl": "https://mediastore.sandbox.cleeng.com",
    "PageOrigins": "https://shop.acme.tv",
    "StripePublishableKey": "pk_test_51Habcdefghijklmnop",
    "AdyenMerchantAccount": "AcmeTV",
    "AdyenClientKey": "test_ABCDEFGHIJKLMNOPQRSTUVWX",
}


class NoManagedPolicies:
    """Every role is our own, so that no managed policy is ever looked up."""

    def load(self):
        return {}


@functools.cache
def written():
    """The template as it is written."""
    return yaml_parse((ROOT / "template.yaml").read_text())


@functools.cache
def expanded():
    """The template as CloudFormation gets it, the code's place filled with a dummy."""
    template = copy.deepcopy(written())
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://bucket/key"
            resource.pop("Metadata", None)
    defaults = {
        name: parameter["Default"]
        for name, parameter in template["Parameters"].items()
        if "Default" in parameter
    }
    return transform(template, {**defaults, **VALUES}, NoManagedPolicies())


def of_type(template, kind):
    """The resources of a type, by logical id."""
    return {name: r for name, r in template["Resources"].items() if r["Type"] == kind}


def jobs():
    """Every function block: job name (kebab case) to logical id, in the order written."""
    found = {}
    for name, resource in written()["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            found[resource["Metadata"]["BuildProperties"]["Binary"]] = name
    return found


if __name__ == "__main__":
    print(json.dumps(expanded(), indent=1))
