"""The local system, started once for all tests, and a viewer in it who has an order to pay at each gateway."""

import json
import re
import signal
import subprocess
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
METHODS = {"stripe": 194856795, "adyen": 320113641}


class System:
    """Where the local system is, and the viewer."""

    def __init__(self, url):
        self.url = url
        viewer = self.cleeng("customers", {})
        self.token = viewer["jwt"]
        wish = {"customerId": viewer["customerId"], "offerId": "S916977979_NL", "currency": "EUR", "country": "NL"}
        self.orders = {
            gateway: self.cleeng("orders", {**wish, "paymentMethodId": method})["id"]
            for gateway, method in METHODS.items()
        }

    def cleeng(self, path, body):
        request = urllib.request.Request(f"{self.url}/peers/cleeng/_simulator/{path}", json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)


@pytest.fixture(scope="session")
def system():
    command = ["cargo", "run", "--locked", "--quiet", "--", "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            url = next(filter(None, (re.search(r"checkout +(http://[0-9.:]+)/", line) for line in process.stdout)))
            yield System(url.group(1))
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=30)
