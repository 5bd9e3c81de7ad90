"""Kills the local system with SIGKILL in the middle of subscription lives, starts it again on the same data, so many times,
and compares the three ledgers at the end: `python3 tests/kill.py 20`."""

import json
import random
import signal
import subprocess
import sys
import tempfile
import time

# A life is killed at any moment between its start and about its end.
SECONDS_MIN, SECONDS_MAX = 0.2, 8.0
# A life may end before it is killed; that many more may be begun.
ENDED_MAX = 20
FINISH_SECONDS_MAX = 500


def lives(local, data, gateway, subscriptions):
    what = ["--gateway", gateway, "--subscriptions", str(subscriptions), "--renewals", "2"]
    return [local, "--data", data, "lifecycle", "--json", *what]


def binary():
    """Built once; cargo itself is not what is killed."""
    subprocess.run(["cargo", "build", "--quiet", "--locked", "-p", "local"], check=True)
    metadata = subprocess.run(
        ["cargo", "metadata", "--format-version", "1", "--no-deps", "--locked"], check=True, stdout=subprocess.PIPE
    )
    return json.loads(metadata.stdout)["target_directory"] + "/debug/local"


def main(kills, seed):
    local, chance = binary(), random.Random(seed)
    print(f"{kills} kills, seed {seed}", flush=True)
    with tempfile.TemporaryDirectory() as data:
        killed = ended = 0
        while killed < kills and ended < ENDED_MAX:
            gateway, seconds = chance.choice(["stripe", "adyen"]), chance.uniform(SECONDS_MIN, SECONDS_MAX)
            life = subprocess.Popen(lives(local, data, gateway, 12), stdout=subprocess.DEVNULL)
            time.sleep(seconds)
            if life.poll() is None:
                life.send_signal(signal.SIGKILL)
                killed += 1
                print(f"killed at {gateway} after {seconds:.1f} s", flush=True)
            else:
                ended += 1
            life.wait()
        if killed < kills:
            sys.exit(f"only {killed} of {kills} lives could be killed: they end too soon")
        # The steps of this last life count those of the killed ones too, so that only its ledgers are looked at.
        last = subprocess.run(
            lives(local, data, "stripe", 2), stdout=subprocess.PIPE, timeout=FINISH_SECONDS_MAX, check=False
        )
        found = json.loads(last.stdout)["comparison"]
    told = {name: found[name] for name in ("captured", "declined", "held", "subscriptions", "parked", "differences")}
    print(json.dumps(told, indent=2))
    # Parked is a buyer's payment that died before Adyen was asked: Adyen cannot say that it never came, so a person does.
    if found["differences"] or found["captured"] <= 2:
        sys.exit("The ledgers do not agree, or there was nothing in them.")
    print(f"Ours, the gateways' and Cleeng's agree after {killed} kills.")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20, int(sys.argv[2]) if len(sys.argv) > 2 else 1)
