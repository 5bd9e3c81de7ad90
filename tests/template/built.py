"""Looks at what `sam build` made, before it is deployed: is each binary for its function's processor, does Lambda's system have
the glibc that it asks for, and how large is it? `python tests/template/built.py`, after any `sam build`."""

import hashlib
import io
import pathlib
import sys
import tomllib
import zipfile

from elftools.elf.elffile import ELFFile

BUILT = pathlib.Path(__file__).resolve().parents[2] / ".aws-sam"
# Amazon Linux 2023, which provided.al2023 is, has glibc 2.34 for all its life.
GLIBC_MAX = (2, 34)
MACHINES = {"arm64": "EM_AARCH64", "x86_64": "EM_X86_64"}


def glibc_needed(elf):
    """The newest glibc of which it takes a symbol; none where it is linked statically."""
    table = elf.get_section_by_name(".gnu.version_r")
    names = [version.name for _, versions in table.iter_versions() for version in versions] if table else []
    numbers = [name.removeprefix("GLIBC_").split(".") for name in names if name.startswith("GLIBC_2")]
    return max(tuple(map(int, number)) for number in numbers) if numbers else None


def faults(elf, architecture, glibc_max=GLIBC_MAX):
    """Why Lambda could not run it."""
    if elf["e_machine"] != MACHINES[architecture]:
        yield f"it is made for {elf['e_machine']}, and the function is {architecture}"
    needed = glibc_needed(elf)
    if needed and needed > glibc_max:
        yield (f"it needs glibc {dotted(needed)} and provided.al2023 has {dotted(glibc_max)}: "
               "build with zig (unset CARGO_LAMBDA_COMPILER) or on an older system")


def dotted(version):
    return ".".join(map(str, version)) if version else "–"


def zip_bytes(binary):
    """As `sam deploy` packs it."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bootstrap", binary)
    return len(packed.getvalue())


def main():
    definitions = tomllib.loads((BUILT / "build.toml").read_text())["function_build_definitions"].values()
    built = sorted((name, each["architecture"]) for each in definitions for name in each["functions"])
    found = []
    print("| function | processor | glibc | binary, bytes | zip, bytes | SHA-256 begins |\n|---|---|---|---|---|---|")
    for name, architecture in built:
        binary = (BUILT / "build" / name / "bootstrap").read_bytes()
        elf = ELFFile(io.BytesIO(binary))
        found += [f"{name}: {fault}" for fault in faults(elf, architecture)]
        sizes = f"{len(binary):,} | {zip_bytes(binary):,}".replace(",", " ")
        digest = hashlib.sha256(binary).hexdigest()[:12]
        print(f"| {name} | {architecture} | {dotted(glibc_needed(elf))} | {sizes} | {digest} |")
    print(*found, sep="\n", end="\n" if found else "", file=sys.stderr)
    return 1 if found or not built else 0


if __name__ == "__main__":
    sys.exit(main())
