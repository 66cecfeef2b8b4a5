#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What a run of the benchmark says.

usage: report.py DIR [--rst FILE]

DIR has run.json, what the run was made on, and *.tsv, a line for each round: row, size
of the graph, peer, round, nanoseconds, operations. Prints a table of ratios, how many
times as long as kobjtree a peer takes: the median of those of the rounds, and between
which bounds it lies with 95 % confidence (bootstrap). Writes DIR/results.json, and
plots if there is a gnuplot. With --rst it writes the page of the documentation, too.
"""
import argparse
import collections
import glob
import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys

RESAMPLES = 1000
SIZES = (16, 1000, 64000, 1000000)

# How many times as long a peer is to take: row, size or None for all of the row's,
# ours, peer, from, to.
GOALS = [
    ('get+put', None, 'kobjtree', 'kref', 0.98, 1.02),
    ('allocate, init, last put, free', None, 'kobjtree', 'kobject', 1.2, None),
    ('link', None, 'kobjtree', 'devres', 8, None),
    ('link', None, 'kobjtree', 'drmm', 8, None),
    ('link', None, 'kobjtree shared holder', 'devres', 2, None),
    ('link', None, 'kobjtree shared holder', 'drmm', 2, None),
    ('remove one of 1000', None, 'kobjtree', 'devres', 100, None),
    ('remove one of 1000', None, 'kobjtree', 'drmm', 100, None),
    ('link+unlink, holder with 10000 below', None, 'kobjtree', 'device_link', 100, None),
    ('native pair', None, 'kobjtree', 'drm_dev_enter', 1, None),
    ('native pair', None, 'kobjtree', 'SRCU', 1, None),
    ('native pair', None, 'kobjtree per-CPU', 'drm_dev_enter', 5, None),
    ('native pair', None, 'kobjtree per-CPU', 'SRCU', 5, None),
    ('user create star', None, 'kobjtree', 'talloc', 1.2, None),
    ('user create tree', None, 'kobjtree', 'talloc', 1.2, None),
    ('user create chain', None, 'kobjtree', 'talloc', 1.2, None),
    ('user teardown star', None, 'kobjtree', 'talloc', 1.1, None),
    ('user teardown tree', None, 'kobjtree', 'talloc', 1.1, None),
    ('user teardown chain', None, 'kobjtree', 'talloc', 2, None),
] + [
    (f'teardown {shape} {place}', size, 'kobjtree', peer, goal, None)
    for peer in ('devres', 'drmm')
    for place, shapes, sizes, goal in (
        ('fresh', ('star', 'tree'), (16, 1000), 3),
        ('cold', ('star', 'dag'), (64000, 1000000), 6))
    for shape in shapes for size in sizes
]

Line = collections.namedtuple('Line', 'row size ours peer ns best ratio low high rounds goal met')


def die(message):
    print(f'report: {message}', file=sys.stderr)
    sys.exit(1)


def read(directory):
    """Return {(row, size): {peer: {round: nanoseconds of an operation}}}."""
    rows = {}
    for path in sorted(glob.glob(os.path.join(directory, '*.tsv'))):
        with open(path, encoding='utf-8') as text:
            for number, line in enumerate(text, 1):
                try:
                    row, size, peer, nr, ns, ops = line.rstrip('\n').split('\t')
                    key, each = (row, int(size)), int(ns) / int(ops)
                except (ValueError, ZeroDivisionError):
                    die(f'{path}:{number}: not a round: {line.strip()}')
                rows.setdefault(key, {}).setdefault(peer, {})[int(nr)] = each
    if not rows:
        die(f'{directory} has no rounds')
    return rows


def median_ratio(ours, peer, rng):
    """Median of the ratios of the rounds that both have, and its 95 % bounds."""
    ratios = [peer[n] / ours[n] for n in sorted(ours.keys() & peer.keys()) if ours[n]]
    if not ratios:
        return None
    if len(ratios) < 5:
        return statistics.median(ratios), min(ratios), max(ratios), len(ratios)
    medians = sorted(statistics.median(rng.choices(ratios, k=len(ratios)))
                     for _ in range(RESAMPLES))
    return (statistics.median(ratios), medians[int(0.025 * RESAMPLES)],
            medians[int(0.975 * RESAMPLES) - 1], len(ratios))


def spread(values):
    """Coefficient of variation."""
    mean = statistics.fmean(values)
    return statistics.pstdev(values) / mean if mean else 0.0


def goal_of(row, size, ours, peer):
    for goal_row, goal_size, goal_ours, goal_peer, low, high in GOALS:
        if (goal_row, goal_ours, goal_peer) == (row, ours, peer) and goal_size in (None, size):
            return low, high
    return None


# What is timed to say what the machine is, not to compare with.
SCALES = ('empty loop', 'clock', 'get+put')


def is_ours(peer):
    return peer.startswith('kobjtree')


def is_count(row):
    """Rows that have no rounds and say not how long."""
    return row.startswith(('bytes', 'turns')) or row in ('instructions', 'locked')


def compare(rows):
    """Each peer with each way of ours, in each row."""
    rng = random.Random(1)
    lines = []
    for (row, size), peers in rows.items():
        if row == 'machine' or is_count(row):
            continue
        for ours in filter(is_ours, peers):
            for peer in peers:
                if is_ours(peer) or peer in SCALES:
                    continue
                found = median_ratio(peers[ours], peers[peer], rng)
                if not found:
                    continue
                goal = goal_of(row, size, ours, peer)
                met = goal and found[0] >= goal[0] and (goal[1] is None or found[0] <= goal[1])
                lines.append(Line(row, size, ours, peer, statistics.median(peers[ours].values()),
                                  statistics.median(peers[peer].values()), *found, goal, met))
    return lines


def flat(rows):
    """How much more an object costs in the worst size than in the best, by shape."""
    result = {}
    for shape in ('chain', 'star', 'tree', 'dag'):
        costs = {size: statistics.median(rows[key]['kobjtree'].values()) for size in SIZES
                 for key in [(f'teardown {shape} fresh', size)] if key in rows}
        if len(costs) > 1:
            result[shape] = (max(costs.values()) / min(costs.values()), costs)
    return result


def verdict(line):
    return '+' if line.low > 1 else '-' if line.high < 1 else '='


def goal_text(line):
    if not line.goal:
        return ''
    low, high = line.goal
    wish = f'{low:g} to {high:g}' if high else f'{low:g}'
    return f'{wish}: {"met" if line.met else "MISSED"}'


def number(value):
    return f'{value:.2f}' if value < 100 else f'{value:.0f}'


def table(lines):
    """Rows of text: measure, ours, peer, ratio, bounds, verdict, goal."""
    for line in lines:
        name = line.row + (f', {line.size}' if line.size or line.row.startswith('gate mark')
                           else '')
        yield (name, f'{line.ours} {number(line.ns)}', f'{line.peer} {number(line.best)}',
               number(line.ratio), f'{number(line.low)} .. {number(line.high)}',
               verdict(line), goal_text(line))


HEAD = ('measure', 'ours, ns', 'peer, ns', 'ratio', '95 %', '', 'goal')


def show(lines):
    texts = [HEAD, *table(lines)]
    widths = [max(map(len, column)) for column in zip(*texts)]
    last = None
    for text in texts:
        first = text[0] if text[0] != last else ''
        last = text[0]
        print('  '.join(cell.ljust(width) for cell, width in zip((first, *text[1:]), widths))
              .rstrip())


def counts(rows):
    """(row, peer, value) of what was counted."""
    for (row, _), peers in rows.items():
        if is_count(row):
            for peer, rounds in peers.items():
                yield row, peer, statistics.median(rounds.values())


def quiet(run, rows):
    """What speaks against the machine having been quiet."""
    reasons = []
    loads = run.get('load', [])
    if max(loads, default=0) > 0.1:
        reasons.append('CPUs that others use: ' + ', '.join(f'{load:.2f}' for load in loads))
    for (row, _), peers in rows.items():
        if row.startswith('turns') and peers['disturbed'][0] > peers['all'][0] / 50:
            reasons.append(f'{row}: {peers["disturbed"][0]:.0f} of {peers["all"][0]:.0f} '
                           'disturbed')
        loop = peers.get('empty loop')
        if loop and row in ('machine', 'native pair') and spread(loop.values()) > 0.05:
            reasons.append(f'the empty loop of {row} varies by {spread(loop.values()):.0%}')
    return reasons


# === Plots ===

def plot(directory, rows):
    """Nanoseconds of an object against the size of the graph, a line for each peer."""
    if not shutil.which('gnuplot'):
        print('report: no plots: gnuplot is missing: apt-get install gnuplot-nox',
              file=sys.stderr)
        return
    kinds = {'create': 'create {}', 'teardown-fresh': 'teardown {} fresh',
             'teardown-aged': 'teardown {} aged', 'teardown-cold': 'teardown {} cold'}
    for name, pattern in kinds.items():
        panels = []
        for shape in ('chain', 'star', 'tree', 'dag'):
            row = pattern.format(shape)
            peers = dict.fromkeys(peer for (r, _), p in rows.items() if r == row for peer in p)
            blocks, curves = [], []
            for peer in peers:
                points = [(size, statistics.median(rows[row, size][peer].values()))
                          for size in SIZES if peer in rows.get((row, size), {})]
                block = '$d%d_%d' % (len(panels), len(curves))
                blocks.append(f'{block} << EOD\n'
                              + ''.join(f'{s} {ns:.3f}\n' for s, ns in points) + 'EOD\n')
                curves.append(f'{block} using 1:2 with linespoints title "{peer}"')
            if curves:
                panels.append(''.join(blocks) + f'set title "{row}"\nplot ' + ', '.join(curves))
        if not panels:
            continue
        for form, terminal in (('png', 'pngcairo size 1400,1000'),
                               ('svg', 'svg size 1400,1000 dynamic')):
            path = os.path.join(directory, f'{name}.{form}')
            subprocess.run(['gnuplot'], text=True, check=True, input='\n'.join([
                f'set terminal {terminal}', f'set output "{path}"',
                'set logscale xy', 'set key left top', 'set grid',
                'set xlabel "objects"', 'set ylabel "ns per object"',
                f'set multiplot layout 2,2 title "{name}"', *panels, 'unset multiplot', '']))


# === The page ===

def list_table(head, body, widths):
    text = ['.. list-table::', '   :header-rows: 1', f'   :widths: {widths}', '']
    for cells in (head, *body):
        for i, cell in enumerate(cells):
            text.append(f'   {"*" if not i else " "} - {cell}'.rstrip())
    return '\n'.join(text) + '\n'


def page(run, rows, lines):
    notes = quiet(run, rows)
    made = ', '.join(f'{k} {run[k]}' for k in ('kernel', 'config', 'compiler', 'cpu', 'date')
                     if k in run)
    missed = [line for line in lines if line.met is False]
    flats = flat(rows)
    worst = {shape: f'{factor:.1f}' for shape, (factor, _) in flats.items()}
    parts = [
        '.. SPDX-License-Identifier: GPL-2.0-only', '',
        '=================', 'kobjtree: numbers', '=================', '',
        'Generated by ``make bench`` from one run; how it measures is told in',
        'Documentation/core-api/kobjtree-bench.rst. A ratio is how many times as long as',
        'kobjtree the peer takes: above one kobjtree is the faster one (+), below it the',
        'slower (-); = stands where the bounds of 95 % confidence include one.', '',
        f'The run: {made}.', '',
    ]
    if notes:
        parts += ['The machine was **not quiet**: ' + '; '.join(notes) + '. Ratios of rounds that',
                  'were interleaved are what can be had of it, and no more.', '']
    parts += ['Goals that are missed', '=====================', '']
    if missed:
        parts.append(list_table(HEAD[:5] + ('goal',),
                                [row[:5] + row[6:] for row in table(missed)],
                                '30 22 22 8 14 14'))
    else:
        parts.append('None.\n')
    parts += ['All ratios', '==========', '',
              list_table(HEAD, table(lines), '30 22 22 8 14 4 14')]
    if worst:
        parts += ['The same for any size', '=====================', '',
                  'How many times as much an object costs at its teardown in the most expensive',
                  'size than in the cheapest, of 16 to a million, fresh in memory (the goal is',
                  'two): ' + ', '.join(f'{k} {v}' for k, v in worst.items()) + '.', '']
    parts += ['Counted', '=======', '', list_table(
        ('what', 'of', 'number'),
        [(row, peer, f'{value:.4g}') for row, peer, value in counts(rows)], '40 40 20')]
    return '\n'.join(parts)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('dir')
    parser.add_argument('--rst', metavar='FILE')
    parser.add_argument('--anyway', action='store_true',
                        help='also of a machine that was not quiet')
    args = parser.parse_args()
    try:
        with open(os.path.join(args.dir, 'run.json'), encoding='utf-8') as text:
            run = json.load(text)
    except (OSError, ValueError) as error:
        die(f'{args.dir}: no run: {error}')
    rows = read(args.dir)
    noisy = quiet(run, rows)
    if noisy and not args.anyway:
        die('the machine was not quiet, no numbers: ' + '; '.join(noisy) +
            f'; the rounds are in {args.dir}, --anyway shows them')
    lines = compare(rows)
    flats = flat(rows)
    with open(os.path.join(args.dir, 'results.json'), 'w', encoding='utf-8') as text:
        json.dump({'run': run, 'not quiet': noisy,
                   'ratios': [line._asdict() for line in lines],
                   'flat': {shape: {'factor': factor, 'ns': costs}
                            for shape, (factor, costs) in flats.items()},
                   'counts': [dict(zip(('row', 'peer', 'value'), c)) for c in counts(rows)]},
                  text, indent=1)
    plot(args.dir, rows)
    show(lines)
    print()
    for row, peer, value in counts(rows):
        print(f'{row}: {peer}: {value:.4g}')
    print()
    for shape, (factor, costs) in flats.items():
        print(f'an object of a {shape}, at its teardown: '
              + ', '.join(f'{ns:.1f} ns of {size}' for size, ns in costs.items())
              + f'; {factor:.1f} times (goal 2)')
    if args.rst:
        with open(args.rst, 'w', encoding='utf-8') as text:
            text.write(page(run, rows, lines))
    print('\n' + ', '.join(f'{key} {value}' for key, value in run.items()))
    for reason in noisy:
        print(f'NOT QUIET: {reason}')
    with_goal = [line for line in lines if line.goal]
    print(f'{sum(bool(line.met) for line in with_goal)} of {len(with_goal)} goals met; '
          f'{sum(verdict(line) == "+" for line in lines)} ratios for kobjtree, '
          f'{sum(verdict(line) == "-" for line in lines)} against')


if __name__ == '__main__':
    main()
