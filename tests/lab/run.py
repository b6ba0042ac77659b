#!/usr/bin/env python3
"""Runs lab scenarios: run.py crash_fast sharing …; without names all of them. Needs root.

A lab that a scenario leaves healthy is used again by the next one; --keep leaves it for the next call, and --down ends
it. Exit code 77 means skipped: the machine lacks what the lab needs.
"""

import argparse
import os
import sys
import unittest

import harness
from relaislab import require
from relaislab.shell import LabError

import scenario_bad_input
import scenario_front
import scenario_lab
import scenario_moves
import scenario_peers
import scenario_quiet
import scenario_safety
import scenario_seams
import scenario_sharing
import scenario_torture
import scenario_two_nodes
import scenario_upgrade

SKIPPED = 77
# In this order they need few new labs.
MODULES = (scenario_lab, scenario_sharing, scenario_moves, scenario_seams, scenario_upgrade, scenario_front,
           scenario_safety, scenario_two_nodes, scenario_bad_input, scenario_quiet, scenario_torture, scenario_peers)


def scenarios():
    """Name -> test class, in an order in which neighbours share a lab."""
    found = {}
    for module in MODULES:
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, harness.Scenario) and value.name \
                    and value.__module__ == module.__name__:
                found[value.name] = value
    order = {"normal": 0, "fast": 1, "relaxed": 2}
    return dict(sorted(found.items(), key=lambda item: (item[1].need.fresh == "yes", order[item[1].need.timing])))


def parse(names):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenario", nargs="*", choices=[[], *names], metavar="SCENARIO")
    parser.add_argument("--build", default=harness.options.build)
    parser.add_argument("--prefix", default=harness.options.prefix)
    parser.add_argument("--keep", action="store_true", help="leave the lab up")
    parser.add_argument("--down", action="store_true", help="end the lab that --keep left, and nothing else")
    parser.add_argument("--list", action="store_true", help="print names and time limits in seconds")
    parser.add_argument("--results", default="", metavar="DIR", help="for reports and logs (default BUILD/lab-results)")
    parser.add_argument("-k", dest="pattern", default="", help="only tests whose name contains this")
    parser.add_argument("--repeat", type=int, default=1, metavar="N", help="run them so many times")
    return parser.parse_args()


def missing():
    """What keeps the lab from working here, or an empty string."""
    try:
        require.require_all()
    except LabError as error:
        return str(error)
    return ""


def run_all(classes, pattern, repeat):
    loader = unittest.TestLoader()
    suite = unittest.TestSuite()
    for scenario in classes * repeat:
        suite.addTests(loader.loadTestsFromTestCase(scenario))
    if pattern:
        suite = unittest.TestSuite(test for test in suite if pattern in test.id())
    return unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful()


def main():
    found = scenarios()
    arguments = parse(found)
    if arguments.list:
        for name, scenario in found.items():
            print(name, scenario.timeout_s)
        return 0
    problem = missing()
    if problem:
        print(f"skipped: {problem}")
        return SKIPPED
    harness.options.build, harness.options.prefix = os.path.abspath(arguments.build), arguments.prefix
    harness.options.results = arguments.results
    if arguments.down:
        harness.end_lab()
        return 0
    good = False
    try:
        good = run_all([found[name] for name in arguments.scenario or found], arguments.pattern,
                       arguments.repeat)
    finally:
        if not (arguments.keep and good):
            harness.end_lab()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
