"""Prints docs/roles.md: which role may do what to which resource, read from the expanded template."""

import json

from expand import expanded, jobs, of_type

HEAD = """# Who may do what

Made from `template.yaml` by `python tests/template/roles.py > docs/roles.md`; a test fails while it is stale.
Each job has a role of its own, with the actions it needs on the resources it needs, and nothing by wildcard.
"""


def statements(role):
    """Every statement of a role's inline policies, or of a managed policy of ours."""
    if "PolicyDocument" in role["Properties"]:
        yield from role["Properties"]["PolicyDocument"]["Statement"]
    for policy in role["Properties"].get("Policies", []):
        yield from policy["PolicyDocument"]["Statement"]


def listed(value):
    return value if isinstance(value, list) else [value]


def said(resource):
    """A resource as a person says it."""
    if isinstance(resource, str):
        return resource
    if "Fn::GetAtt" in resource:
        return resource["Fn::GetAtt"][0]
    if "Ref" in resource:
        return resource["Ref"]
    if "Fn::If" in resource:
        condition, yes, _ = resource["Fn::If"]
        return f"{said(yes)} ({condition})"
    if "Fn::Sub" in resource:
        return resource["Fn::Sub"].replace("${", "").replace(".Arn}", "").replace("}", "")
    raise ValueError(f"not known how to say {resource}")


def condition(statement):
    parts = []
    for test in statement.get("Condition", {}).values():
        for key, values in test.items():
            texts = [value["Fn::Sub"].split(".")[0] if isinstance(value, dict) else value for value in listed(values)]
            parts.append(f"{key}: {', '.join(texts)}")
    return "; ".join(parts) or "–"


def page():
    lines = [HEAD]
    names = {logical + "Role": job for job, logical in jobs().items()}
    roles = {**of_type(expanded(), "AWS::IAM::Role"), **of_type(expanded(), "AWS::IAM::ManagedPolicy")}
    for logical, role in sorted(roles.items(), key=lambda pair: [*names, *sorted(roles)].index(pair[0])):
        lines += [f"## {names.get(logical, logical)}", ""]
        rows = [
            (", ".join(f"`{action}`" for action in listed(statement["Action"])),
             ", ".join(said(resource) for resource in listed(statement["Resource"])),
             condition(statement))
            for statement in statements(role)
        ]
        rows += [
            (f"what AWS's own `{arn.rsplit('/', 1)[-1]}` allows", "AWS's list", "–")
            for arn in role["Properties"].get("ManagedPolicyArns", [])
        ]
        lines += ["| actions | on | only if |", "|---|---|---|"]
        lines += [f"| {actions} | {resources} | {only_if} |" for actions, resources, only_if in rows]
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    print(page(), end="")
