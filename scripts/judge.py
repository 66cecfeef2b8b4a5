#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Judge the console log of a guest that scripts/guest-init ran.

A test that provokes a splat announces it in the kernel log first:

    kobjtree-expect: SUBSTRING

The next splat with that text in any of its lines is then taken for granted,
once; its absence is a failure. Of what the kernel says only once in a boot, a
test does not know whether another had it before:

    kobjtree-may: SUBSTRING

is the same, and its absence is none.
"""

import argparse
import contextlib
import io
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
EXPECT = 'kobjtree-expect: '
MAY = 'kobjtree-may: '
END = 'kobjtree-vm: exit '

# Exit codes, by precedence: the first kind found is the run's.
CODES = {
    'pass': 0, 'setup': 1, 'time-out': 7, 'splat': 2, 'died': 8, 'leak': 3,
    'expected': 9, 'test': 4, 'script': 6, 'no-test': 5,
}
HELP = '''exit codes: 0 pass, 1 cannot run, 2 splat, 3 memory leak, 4 test failed,
5 no test ran, 6 guest script failed, 7 time-out, 8 guest died early,
9 expected splat missing'''

KERNEL_LINE = re.compile(r'\[ *\d+\.\d{6}\](?:\[ *[CT]\d+\])? (.*)')
TAP_SUITE = re.compile(r' {4}# Subtest: ')
SKIPPED = re.compile(r'^ *ok \d+ (?:- )?(.*?) # SKIP (\S.*)')
TAP_HEADER = re.compile(r'K?TAP version \d+$')
CUT, END_TRACE = '[ cut here ]', '[ end trace '
SHOWN = 40      # lines of a splat in the report


def rules(name):
    with open(os.path.join(HERE, name), encoding='utf-8') as rule_file:
        return [line.rstrip('\n') for line in rule_file
                if line.strip() and not line.startswith('#')]


def console_lines(log):
    """(line, kernel message or None) of a log; what the kernel said in the middle
    of a program's line comes before that line."""
    begun = ''
    for line in log.split('\n'):
        line = line.rstrip('\r')
        match = KERNEL_LINE.search(line)
        if match:
            begun += line[:match.start()]
            yield line, match.group(1)
        else:
            yield begun + line, None
            begun = ''
    if begun:
        yield begun, None


class Splat:
    def __init__(self, start):
        self.start = start      # index of its first line in the log
        self.matched = []       # (rule, message)
        self.lines = []         # from "cut here" to "end trace"; else the one

    def title(self):
        return self.matched[-1][1]      # in a WARN(), the message comes first


def find_splats(messages):
    """Splats in a list of kernel messages (None: not the kernel's).

    From "cut here" to "end trace" is one splat; any other is the line that a
    rule matches. A rule that matches twice is a second splat, so that two
    reports that interleave still count as two.
    """
    deny = [re.compile(rule) for rule in rules('splat.deny')]
    splats, block = [], None
    for number, text in enumerate(messages):
        if text is None:
            continue
        if EXPECT in text or MAY in text:
            continue
        if CUT in text:
            block = Splat(number)
        if block:
            block.lines.append(text)
            if END_TRACE in text:
                block = None
        rule = next((r for r in deny if r.search(text)), None)
        if not rule:
            continue
        splat = block
        if splat is None or any(r is rule for r, _ in splat.matched):
            splat = Splat(number)
            splat.lines.append(text)
            if block:
                block = splat
        if splat not in splats:
            splats.append(splat)
        splat.matched.append((rule, text))
    return splats


def unexpected(splats, messages):
    """(splats that nobody expected, expectations that nothing met)"""
    allow = rules('splat.allow')
    pending = [(number, text.split(mark, 1)[1].strip(), mark)
               for number, text in enumerate(messages) if text
               for mark in (EXPECT, MAY) if mark in text]
    left = []
    for splat in splats:
        match = next((p for p in pending if p[0] < splat.start
                      and any(p[1] in line for line in splat.lines)), None)
        if match:
            pending.remove(match)
        elif not any(text in line for text in allow for line in splat.lines):
            left.append(splat)
    return left, [text for _, text, mark in pending if mark == EXPECT]


def tap_blocks(lines, messages):
    """The log's top-level TAP documents, the kernel's and user space's apart."""
    blocks, current = [], {True: None, False: None}
    for line, message in zip(lines, messages):
        from_kernel = message is not None
        text = message if from_kernel else line
        if TAP_HEADER.match(text):
            current[from_kernel] = []
            blocks.append(current[from_kernel])
        if current[from_kernel] is not None:
            current[from_kernel].append(text)
    # The kernel announces that it has no built-in test. An older one lets the
    # suites of modules follow, without a header.
    for block in blocks[:]:
        if '1..0' in block[1:2]:
            del block[1]
            if not any(TAP_SUITE.match(text) for text in block):
                blocks.remove(block)
    return blocks


def run_parser(kernel_source, blocks):
    """Feed the blocks to the kernel's own KTAP parser; yield its leaf tests."""
    sys.path.insert(0, os.path.join(kernel_source, 'tools/testing/kunit'))
    sys.dont_write_bytecode = True
    import kunit_parser     # pylint: disable=import-outside-toplevel
    import kunit_printer    # pylint: disable=import-outside-toplevel

    def leaves(test, prefix):
        name = '.'.join(filter(None, [prefix, test.name if test.name != 'main' else '']))
        below = [leaf for sub in test.subtests for leaf in leaves(sub, name)]
        yield from below
        # an older kernel's parser knows only of the suite that it was cut off
        if not below or (test.status.name == 'TEST_CRASHED' and
                         all(status in ('SUCCESS', 'SKIPPED') for _, status, _ in below)):
            yield name, test.status.name, test.log

    for block in blocks:
        if hasattr(kunit_printer, 'null_printer'):
            root = kunit_parser.parse_run_tests(block, kunit_printer.null_printer)
        else:   # an older kernel's always prints
            with contextlib.redirect_stdout(io.StringIO()):
                kunit_printer.stdout._output = sys.stdout   # pylint: disable=protected-access
                root = kunit_parser.parse_run_tests(block)
        yield from leaves(root, '')


class Verdict:
    def __init__(self):
        self.findings = []      # (kind, one line, further lines)
        self.passed = self.failed = self.skipped = 0
        self.reasons = []       # of what was skipped

    def add(self, kind, line, more=()):
        self.findings.append((kind, line, list(more)))

    def kind(self):
        kinds = [kind for kind, _, _ in self.findings]
        return next((kind for kind in CODES if kind in kinds), 'pass')

    def show(self, out=sys.stdout, name='judge'):
        for kind, line, more in self.findings:
            for text in more:
                print(f'  {text}', file=out)
            print(f'{name}: {kind}: {line}', file=out)
        for line in self.reasons:
            print(f'{name}: skipped: {line}', file=out)
        word = 'PASS' if self.kind() == 'pass' else f'FAIL ({self.kind()})'
        print(f'{name}: {word}: {self.passed} passed, {self.failed} failed, '
              f'{self.skipped} skipped', file=out)
        return CODES[self.kind()]


def judge(log, kernel_source=None, need_tests=False, timed_out=None):
    """Verdict on a console log (a string)."""
    verdict = Verdict()
    lines, messages = zip(*console_lines(log))

    if timed_out:
        verdict.add('time-out', f'no end after {timed_out} s', lines[-10:])

    left, missing = unexpected(find_splats(messages), messages)
    for splat in left:
        more = []
        for text in messages[splat.start:]:
            if len(more) == SHOWN:
                break
            if text is not None:
                more.append(text)
                if END_TRACE in text:
                    break
        verdict.add('splat', splat.title(), more)
    for text in missing:
        verdict.add('expected', f'did not come: {text}')

    ends = [line.split(END, 1)[1] for line in lines if END in line]
    if ends and ends[-1] != '0':
        verdict.add('script', f'exit code {ends[-1]}')
    elif not ends and not timed_out:
        verdict.add('died', 'the guest ended before its script', lines[-10:])

    leaks = [n for n, line in enumerate(lines) if line.startswith('unreferenced object')]
    for number in leaks:
        more = [lines[number]]
        for line in lines[number + 1:]:
            if not line.startswith(' '):
                break
            more.append(line)
        verdict.add('leak', lines[number], more)

    # What kobjtree/leaks says, see scripts/guest-test.
    cycles = [line for line in lines if line.startswith('{"leak":')]
    if cycles:
        verdict.add('leak', f'{len(cycles)} objects that keep each other', cycles)

    blocks = tap_blocks(lines, messages)
    if blocks and not kernel_source:
        verdict.add('setup', 'there are tests, but no kernel source to parse them with')
    elif blocks:
        for name, status, test_log in run_parser(kernel_source, blocks):
            if status == 'SUCCESS':
                verdict.passed += 1
            elif status == 'SKIPPED':
                verdict.skipped += 1
            else:
                verdict.failed += 1
                verdict.add('test', f'{name}: {status.lower()}', test_log)
        verdict.reasons = [': '.join(match.groups()) for block in blocks
                           for match in map(SKIPPED.search, block) if match]
    if need_tests and verdict.passed + verdict.failed + verdict.skipped == 0:
        verdict.add('no-test', 'no test ran')
    return verdict


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--ksrc', help='kernel source, for its KTAP parser')
    parser.add_argument('--tests', action='store_true', help='fail if no test ran')
    parser.add_argument('log')
    args = parser.parse_args()
    with open(args.log, encoding='utf-8', errors='replace') as log:
        return judge(log.read(), args.ksrc, args.tests).show()


if __name__ == '__main__':
    sys.exit(main())
