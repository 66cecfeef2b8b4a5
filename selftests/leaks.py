#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What debugfs kobjtree/leaks and tools/kobjtree say of objects that leak.

Run by leaks.sh, in the guest. Prints TAP.
"""

import json
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
MODULE = 'kobjtree_test_leaks'
LEAKS = '/sys/kernel/debug/kobjtree/leaks'
TYPES = '/sys/kernel/debug/kobjtree/types'
# Here, and in a kernel tree.
TOOL = next(path for path in (os.path.join(HERE, up, 'kobjtree') for up in
                              ('../tools', '../../../kobjtree')) if os.path.isfile(path))

TESTS = 23
results = []


def check(name, got, want=True):
    """One test."""
    results.append(got == want)
    print(f'{"ok" if results[-1] else "not ok"} {len(results)} - {name}', flush=True)
    if not results[-1]:
        print(f'# got  {got}\n# want {want}', flush=True)


def do(deed):
    """Let the module do something."""
    with open(f'/sys/module/{MODULE}/parameters/do', 'w', encoding='ascii') as file:
        file.write(deed)


def read():
    """The first line of the file, and the others."""
    with open(LEAKS, encoding='ascii') as file:
        lines = [json.loads(line) for line in file]
    return lines[0], lines[1:]


def links():
    """What keeps what, in the order of their making: (from, kind, to)."""
    leaks = read()[1]
    numbers = {leak['leak']: number for number, leak in enumerate(sorted(
        leaks, key=lambda leak: leak['leak']))}
    return sorted((numbers[leak['leak']], link['kind'], numbers[link['to']])
                  for leak in leaks for link in leak['links'])


def seen(graph):
    """The links that are reported of a graph, which is dropped then."""
    do(graph)
    found = links()
    do('undo')
    return found


def tool(*args):
    """What people see: exit status and output, ids from 1 on, no offsets of code."""
    ran = subprocess.run([TOOL, 'leaks', *args], stdout=subprocess.PIPE, text=True, check=False)
    ids = [int(ident) for ident in re.findall(r'(\d+) part_type', ran.stdout)]
    text = re.sub(r'(\d+)(?= part_type)', lambda m: str(int(m[1]) - min(ids) + 1), ran.stdout)
    return ran.returncode, re.sub(r'\+0x.*', '', text)


def test_found():
    """Each kind of cycle that edges alone cannot close."""
    check('a cycle of an edge and a reference by hand', seen('pair'),
          [(0, 'embedded', 1), (1, 'pointer', 0)])
    check('a ring of three', seen('ring'),
          [(0, 'embedded', 1), (1, 'embedded', 2), (2, 'pointer', 0)])
    check('what a cycle keeps is garbage, too', seen('behind'),
          [(0, 'embedded', 1), (0, 'slot', 2), (1, 'pointer', 0)])
    check('two references by hand', seen('hands'), [(0, 'pointer', 1), (1, 'pointer', 0)])
    check('the reference of an action', seen('action'), [(0, 'embedded', 1), (1, 'action', 0)])
    check('a pointer in managed memory', seen('memory'), [(0, 'embedded', 1), (1, 'memory', 0)])


def test_not_found():
    """What is alive, or may be."""
    check('a cycle that somebody else holds is alive', seen('held'), [])
    check('a weak reference keeps nothing', seen('weak'), [])
    check('a pointer beside an edge is not one more reference', seen('beside'), [])
    check('neighbours in a list do not keep each other', seen('list'), [])
    check('one reference that is lost looks like a holder', seen('lost'), [])


def peers():
    """How many objects there are of the type that allows cycles."""
    with open(TYPES, encoding='ascii') as file:
        lines = [json.loads(line) for line in file]
    return sum(line['live'] for line in lines if line.get('type') == 'peer_type')


def test_collected():
    """A cycle whose types allow it is no leak."""
    do('peers')
    check('a cycle that somebody holds stays', (read()[1], peers()), ([], 2))
    do('undo')
    check('put, it is still there', peers(), 2)
    check('and gone when leaks are looked for', (read()[1], peers()), ([], 0))


def test_file():
    """Its bounds, and what it says of each."""
    do('pair')
    head, leaks = read()
    check('the first line counts', (head['kobjtree'], head['leaks']), (1, 2))
    check('the stack that made an object is there',
          any(frame.startswith('do_pair+') for frame in leaks[0]['stack']))
    link = next(link for leak in leaks for link in leak['links'] if link['kind'] == 'embedded')
    check('and the one that made an edge',
          [any(frame.startswith(name) for frame in link['stack'])
           for name in ('kobjtree_hold_edge_give+', 'do_pair+')], [True, True])
    do('undo')
    do('many')
    head, leaks = read()
    check('a long report is cut, and the first line counts all', (head['leaks'], len(leaks)),
          (90, 64))
    do('undo')
    check('nothing is left', read()[1], [])


def test_tool():
    """The example of Documentation/dev-tools/kobjtree.rst."""
    do('pair')
    check('leaks: the cycle, and who made each link', tool(), (1, '''\
1 part_type -> 2 part_type -> 1 part_type: a cycle that nothing else keeps
  1 part_type holds 2 part_type, embedded; linked by
    do_pair
    do_set
    param_attr_store
    module_attr_store
    sysfs_kf_write
  2 part_type points to 1 part_type, at 0 in its memory; it was made by
    do_pair
    do_set
    param_attr_store
    module_attr_store
    sysfs_kf_write
'''))
    do('undo')
    check('leaks: nothing', tool(), (0, 'none\n'))
    do('lost')
    check('leaks: what one reference without a holder keeps looks alive', tool(), (0, 'none\n'))
    check('leaks --scan: unless nothing points to it', tool('--scan'), (1, '''\
1 part_type: 1 from outside, and nothing points to it any more; keeps 1 more; it was made by
  do_lost
  do_set
  param_attr_store
  module_attr_store
  sysfs_kf_write
'''))
    do('undo')


def main():
    """All tests; the exit status."""
    print(f'TAP version 13\n1..{TESTS}')
    for test in (test_found, test_not_found, test_collected, test_file, test_tool):
        test()
    return len(results) != TESTS or not all(results)


if __name__ == '__main__':
    sys.exit(main())
