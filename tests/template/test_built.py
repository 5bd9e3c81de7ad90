"""What looks at built binaries finds what Lambda could not run, shown on this machine's own interpreter."""

import sys

import pytest
from built import MACHINES, faults, glibc_needed
from elftools.elf.elffile import ELFFile


@pytest.fixture
def elf():
    with open(sys.executable, "rb") as file:
        yield ELFFile(file)


@pytest.fixture
def architecture(elf):
    return next(name for name, machine in MACHINES.items() if machine == elf["e_machine"])


def test_a_binary_that_fits_has_no_fault(elf, architecture):
    assert list(faults(elf, architecture, glibc_needed(elf))) == []


def test_a_newer_glibc_than_the_systems_is_a_fault(elf, architecture):
    major, minor = glibc_needed(elf)
    [fault] = faults(elf, architecture, (major, minor - 1))
    assert f"needs glibc {major}.{minor}" in fault


def test_another_processors_binary_is_a_fault(elf, architecture):
    other = next(name for name in MACHINES if name != architecture)
    [fault] = faults(elf, other, glibc_needed(elf))
    assert f"the function is {other}" in fault
