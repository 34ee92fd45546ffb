"""Findings, not logs: a linter for training that names the cause and stays silent on right programs."""

# before training, and during it
from netwright.checks.checking import check as check
from netwright.checks.during.watching import Watch as Watch
from netwright.checks.during.watching import watch as watch

# what they answer with
from netwright.checks.codes import CODES as CODES
from netwright.checks.codes import Code as Code
from netwright.checks.diagnosis import Diagnosis as Diagnosis
from netwright.checks.diagnosis import Signal as Signal
from netwright.checks.finding import Finding as Finding
from netwright.checks.finding import Remedy as Remedy
from netwright.checks.finding import Where as Where

# the benchmark as data
from netwright.checks.faults import Fault as Fault
from netwright.checks.faults import Program as Program
from netwright.checks.faults import load_faults as load_faults

__all__ = [
    "CODES",
    "Code",
    "Diagnosis",
    "Fault",
    "Finding",
    "Program",
    "Remedy",
    "Signal",
    "Watch",
    "Where",
    "check",
    "load_faults",
    "watch",
]
