#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What report.py makes of rounds whose outcome is known, and of a recorded run.

Prints TAP.
"""
import contextlib
import io
import json
import os
import random
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import report     # noqa: E402 pylint: disable=wrong-import-position

RUN = {'kernel': '7.2', 'load': [0.02, 0.05], 'rounds': 31}
TESTS = []


def test(function):
    TESTS.append(function)
    return function


def rounds(row, peers, number=31, size=0, seed=7, noise=0.02):
    """Rounds of PEERS, {name: ns}; what disturbs a round disturbs all of its peers."""
    rng = random.Random(seed)
    lines = []
    for nr in range(number):
        common = 1 + rng.random() * 3
        for peer, ns in peers.items():
            each = ns * common * (1 + rng.uniform(-noise, noise))
            lines.append(f'{row}\t{size}\t{peer}\t{nr}\t{each * 1000:.0f}\t1000\n')
    return ''.join(lines)


def made(text, run=None):
    """A directory with these rounds."""
    directory = tempfile.mkdtemp(prefix='kobjtree-report.')
    with open(os.path.join(directory, 'a.tsv'), 'w', encoding='utf-8') as out:
        out.write(text)
    with open(os.path.join(directory, 'run.json'), 'w', encoding='utf-8') as out:
        json.dump(run or RUN, out)
    return directory


def lines(text):
    return report.compare(report.read(made(text)))


def run(*args):
    return subprocess.run([os.path.join(HERE, 'report.py'), *args], text=True,
                          capture_output=True, check=False,
                          env={**os.environ, 'PATH': '/nonexistent:/usr/bin:/bin'})


@test
def what_disturbs_all_peers_of_a_round_cancels():
    line, = lines(rounds('row', {'kobjtree': 10, 'kref': 20}, noise=0))
    assert abs(line.ratio - 2) < 0.001, line
    assert line.high - line.low < 0.001, line


@test
def the_bounds_enclose_the_truth_and_shrink_with_the_rounds():
    few, = lines(rounds('row', {'kobjtree': 10, 'kref': 15}, 9, noise=0.2))
    many, = lines(rounds('row', {'kobjtree': 10, 'kref': 15}, 900, noise=0.2))
    assert few.low < 1.5 < few.high, few
    assert abs(many.ratio - 1.5) < 0.03, many
    assert many.high - many.low < (few.high - few.low) / 3, (few, many)


@test
def a_loss_is_a_loss():
    found = {line.peer: report.verdict(line) for line in lines(rounds(
        'row', {'kobjtree': 10, 'faster': 8, 'slower': 12, 'equal': 10}))}
    assert found == {'faster': '-', 'slower': '+', 'equal': '='}, found


@test
def the_bounds_are_those_of_95_of_100_runs():
    inside = sum(line.low <= 1.2 <= line.high for seed in range(100)
                 for line in lines(rounds('row', {'kobjtree': 10, 'kref': 12}, 15, seed=seed,
                                          noise=0.1)))
    assert 85 <= inside <= 100, inside


@test
def goals_are_met_and_missed():
    row = 'allocate, init, last put, free'
    for ns, met in (11, False), (13, True):
        line, = lines(rounds(row, {'kobjtree': 10, 'kobject': ns}))
        assert line.met is met, line
    for ns, met in (9, False), (10, True), (11, False):
        line, = lines(rounds('get+put', {'kobjtree': 10, 'kref': ns}, noise=0))
        assert line.met is met, line


@test
def every_goal_is_about_a_row_of_the_recorded_run():
    recorded = {(line.row, line.ours, line.peer)
                for line in report.compare(report.read(os.path.join(HERE, 'recorded')))}
    missing = {(row, ours, peer) for row, _, ours, peer, _, _ in report.GOALS} - recorded
    assert not missing, missing


@test
def a_machine_that_is_not_quiet_gets_no_numbers():
    text = rounds('row', {'kobjtree': 10, 'kref': 20})
    busy = made(text, {**RUN, 'load': [0.02, 1.5]})
    found = run(busy)
    assert found.returncode == 1 and '2.0' not in found.stdout and not found.stdout, found
    assert 'not quiet' in found.stderr and '1.50' in found.stderr, found
    found = run(busy, '--anyway')
    assert found.returncode == 0 and 'NOT QUIET' in found.stdout, found
    wild = ''.join(f'machine\t0\tempty loop\t{nr}\t{1000 + 900 * (nr & 1)}\t1000\n'
                   for nr in range(31))
    found = run(made(text + wild))
    assert found.returncode == 1 and 'empty loop' in found.stderr, found
    for disturbed, returns in (2, 0), (3, 1):
        found = run(made(text + 'turns\t0\tall\t0\t100\t1\n'
                         f'turns\t0\tdisturbed\t0\t{disturbed}\t1\n'))
        assert found.returncode == returns, found
        assert not returns or 'turns: 3 of 100 disturbed' in found.stderr, found


@test
def what_is_no_round_is_named():
    found = run(made(rounds('row', {'kobjtree': 10, 'kref': 20}) + 'half of a li'))
    assert found.returncode == 1 and 'a.tsv:63: not a round' in found.stderr, found
    found = run(tempfile.mkdtemp(prefix='kobjtree-report.'))
    assert found.returncode == 1 and 'no run' in found.stderr, found


@test
def the_recorded_run_gives_table_and_page():
    rows = report.read(os.path.join(HERE, 'recorded'))
    compared = report.compare(rows)
    with contextlib.redirect_stdout(io.StringIO()) as out:
        report.show(compared)
    assert len(out.getvalue().splitlines()) == len(compared) + 1
    page = report.page(RUN, rows, compared)
    assert page.count('* - ') > len(compared), page
    assert ('MISSED' in page) == any(line.met is False for line in compared), page
    assert any(report.verdict(line) == '-' for line in compared), 'no loss in it'


@test
def flat_is_the_worst_size_by_the_best():
    text = ''.join(rounds('teardown star fresh', {'kobjtree': ns}, size=size, noise=0)
                   for size, ns in ((16, 10), (1000, 8), (64000, 20)))
    factor, costs = report.flat(report.read(made(text)))['star']
    assert abs(factor - 2.5) < 0.01 and len(costs) == 3, (factor, costs)


def main():
    print(f'TAP version 13\n1..{len(TESTS)}')
    failed = 0
    for number, function in enumerate(TESTS, 1):
        name = function.__name__.replace('_', ' ')
        try:
            function()
            print(f'ok {number} {name}')
        except (Exception, SystemExit) as error:     # pylint: disable=broad-except
            failed += 1
            print(f'not ok {number} {name}\n# {type(error).__name__}: {str(error)[:300]}')
    return failed != 0


if __name__ == '__main__':
    sys.exit(main())
