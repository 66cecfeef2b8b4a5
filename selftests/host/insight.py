#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What tools/kobjtree says of recorded snapshots. Prints TAP."""

import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
# Here, and in a kernel tree.
TOOL = next(path for path in (os.path.join(HERE, up, 'kobjtree') for up in
                              ('../../tools', '../../../../kobjtree')) if os.path.isfile(path))

TESTS = 32
results = []


def check(name, got, want):
    """One test."""
    results.append(got == want)
    print(f'{"ok" if results[-1] else "not ok"} {len(results)} - {name}')
    if not results[-1]:
        print(f'# got  {got}\n# want {want}')


def snapshot(name):
    """A recorded one."""
    return os.path.join(HERE, 'snapshots', name)


def run(*args):
    """Exit status, output and errors of the tool."""
    ran = subprocess.run([TOOL, *args], capture_output=True, text=True, check=False)
    return ran.returncode, ran.stdout, ran.stderr


def on(name, *args):
    """The same for a recorded snapshot, where all goes well."""
    status, output, errors = run('-f', snapshot(name), *args)
    assert not errors, errors
    return status, output


def test_list():
    """list"""
    check('list', on('streaming.jsonl', 'list'), (0, (
        'ID  TYPE         NAME         MODULE    STATE  REFERENCES  OUTSIDE  DEVICE\n'
        '1   sensor_type  sensor_type  cam       alive  1           0        -\n'
        '2   plain        struct cam   kobjtree  alive  3           1        cam.0\n'
        '3   video_type   video_type   cam       alive  2           2        -\n'
        '4   queue_type   queue_type   cam       alive  1           1        -\n')))
    ids = [line.split()[0] for line in on('unbound.jsonl', 'list', '--state',
                                          'unbound')[1].splitlines()[1:]]
    check('list --state', ids, ['2'])
    ids = [line.split()[0] for line in on('streaming.jsonl', 'list', '--type', 'plain',
                                          '--module', 'kobjtree')[1].splitlines()[1:]]
    check('list --type --module', ids, ['2'])


def test_tree():
    """tree"""
    check('tree: each root, and what was shown is not again', on('streaming.jsonl', 'tree'), (0, (
        '2 plain (struct cam), alive, device cam.0, module kobjtree, '
        '1 of the binding to cam.0\n'
        '  slot: 1 sensor_type, alive, module cam, 0 from outside\n'
        '3 video_type, alive, module cam, 2 from outside\n'
        '  container: 2 plain (struct cam), alive, device cam.0, module kobjtree, '
        '1 of the binding to cam.0 (see above)\n'
        '4 queue_type, alive, module cam, 1 from outside\n'
        '  slot: 2 plain (struct cam), alive, device cam.0, module kobjtree, '
        '1 of the binding to cam.0 (see above)\n')))
    check('tree: what has no holder in the file is a root',
          [line.split()[0] for line in on('bugs.jsonl', 'tree')[1].splitlines()
           if line[0] != ' '], ['4', '6', '7', '8'])
    check('tree of one, by its device', on('streaming.jsonl', 'tree', 'cam.0')[1].count('\n'), 2)


def test_why():
    """why"""
    check('why: the binding', on('streaming.jsonl', 'why', 'cam')[1], (
        '2 plain (struct cam): alive, device cam.0, module kobjtree\n'
        '  3 references: 1 of the binding to cam.0, 2 of edges and members\n'
        '  container of 3 video_type, alive, module cam\n'
        '  slot of 4 queue_type, alive, module cam\n'
        '  kept by: 2 plain (struct cam) <- 1 of the binding to cam.0\n'))
    check('why: the shortest way out', on('unbound.jsonl', 'why', 'sensor_type')[1], (
        '1 sensor_type: alive, module cam\n'
        '  1 references: 0 from outside, 1 of edges and members\n'
        '  slot of 2 plain (struct cam), unbound, device cam.0, module kobjtree\n'
        '  kept by: 1 sensor_type <- slot of 2 plain (struct cam) <- 1 from outside\n'))
    check('why: of two ways the shorter one', on('ways.jsonl', 'why', '1')[1].splitlines()[-1],
          '  kept by: 1 leaf_type <- slot of 2 near_type <- 1 from outside')
    check('why: a holder that is not in the file', on('bugs.jsonl', 'why', 'half_type')[1], (
        '7 half_type: alive, module cam\n'
        '  1 references: 0 from outside, 1 of edges and members\n'
        '  1 of holders that are being torn down, or have no record\n'
        '  no outside reference leads to it\n'))
    check('why: dying', on('bugs.jsonl', 'why', '6')[1].splitlines()[-1],
          '  dying: its last reference is gone')


def test_leaks():
    """leaks"""
    check('leaks: none', on('streaming.jsonl', 'leaks'), (0, 'none\n'))
    check('leaks: outlives its device', on('unbound.jsonl', 'leaks'),
          (1, '2 plain (struct cam): 1 from outside, and its device cam.0 is gone; '
              'keeps 1 more\n'))
    check('leaks: what nothing leads to, too few references, rmmod', on('bugs.jsonl', 'leaks'), (1, (
        '1 sensor_type: no outside reference leads to it\n'
        '2 lens_type: no outside reference leads to it; keeps 2 more\n'
        '3 lens_type: no outside reference leads to it; keeps 2 more\n'
        '5 lamp_type: 1 references too few: a put of what an edge owns\n'
        '8 session_type: 1 from outside, and rmmod of session waits for it\n')))
    check('leaks: what one that is being torn down holds is none',
          on('deferred.jsonl', 'leaks'), (0, 'none\n'))
    check('leaks --module: all from outside', on('streaming.jsonl', 'leaks', '--module', 'cam'),
          (1, '3 video_type: 2 from outside, and cam was said to be idle; keeps 2 more\n'
              '4 queue_type: 1 from outside, and cam was said to be idle; keeps 2 more\n'))
    check('leaks --module: another one', on('streaming.jsonl', 'leaks', '--module', 'session'),
          (0, 'none\n'))
    check('leaks --since: what is new',
          on('streaming.jsonl', 'leaks', '--since', snapshot('unbound.jsonl')),
          (1, '4 queue_type: 1 from outside, and it is new; keeps 2 more\n'))


def test_holders():
    """References with a name."""
    taken = ('2 of kind file, taken by\n', '  cam_open+0x10/0x40 [cam]\n', '  chrdev_open+0x1/0x2\n',
             '  do_dentry_open+0x1/0x2\n', '  vfs_open+0x1/0x2\n', '  path_openat+0x1/0x2\n',
             '1 of kind timer, taken by\n', '  cam_start+0x1/0x2\n')
    check('why: who took each reference that a holder has', on('holders.jsonl', 'why', 'cam_type')[1],
          '2 cam_type: unbound, device cam.0, module cam\n'
          '  4 references: 4 from outside (2 file, 1 timer), 0 of edges and members\n'
          + ''.join('  ' + line for line in taken) +
          '  kept by: 2 cam_type <- 4 from outside (2 file, 1 timer)\n')
    check('why: and who holds what keeps it', on('holders.jsonl', 'why', 'sensor_type')[1],
          '1 sensor_type: alive, module cam\n'
          '  1 references: 0 from outside, 1 of edges and members\n'
          '  slot of 2 cam_type, unbound, device cam.0, module cam\n'
          '  kept by: 1 sensor_type <- slot of 2 cam_type <- 4 from outside (2 file, 1 timer)\n'
          + ''.join('    ' + line for line in taken))
    check('leaks: the same', on('holders.jsonl', 'leaks'),
          (1, '2 cam_type: 4 from outside (2 file, 1 timer), and its device cam.0 is gone; '
              'keeps 1 more\n' + ''.join('  ' + line for line in taken)))


def test_diff():
    """diff"""
    names = snapshot('streaming.jsonl'), snapshot('unbound.jsonl')
    check('diff', run('diff', *names), (1, (
        '- 4 queue_type\n'
        '~ 2 plain (struct cam): state alive -> unbound, references 3 -> 2\n'
        '~ 3 video_type: references 2 -> 1, outside 2 -> 1\n'), ''))
    check('diff of the same', run('diff', names[0], names[0]), (0, '', ''))


def test_svg():
    """svg"""
    if not shutil.which('dot'):
        results.append(True)
        print(f'ok {len(results)} - svg # SKIP no graphviz')
        return
    picture = on('unbound.jsonl', 'svg', '--since', snapshot('streaming.jsonl'))[1]
    check('svg --since: gone, changed and unchanged in their colours',
          [picture.count(f'fill="{colour}"') for colour in
           ('lightcoral', 'khaki', 'palegreen')], [1, 2, 0])
    check('svg: a box for each object, an arrow for each edge',
          [picture.count(f'class="{kind}"') for kind in ('node', 'edge')], [4, 3])


def test_errors():
    """One line, and status 2."""
    with tempfile.TemporaryDirectory() as folder:
        broken = os.path.join(folder, 'broken')
        for name, text, want in (
                ('no JSON', '{"kobjtree":1,"missing":0}\n{"id"\n', ':2: not a line of kobjtree/objects'),
                ('a field is missing', '{"kobjtree":1,"missing":0}\n{"id":1}\n',
                 ':2: not a line of kobjtree/objects'),
                ('another format', '{"kobjtree":9,"missing":0}\n', ': format 9, this tool knows 1'),
                ('empty', '', ': no snapshot of kobjtree/objects')):
            with open(broken, 'w', encoding='ascii') as file:
                file.write(text)
            check(f'error: {name}', run('-f', broken, 'list'),
                  (2, '', f'kobjtree: {broken}{want}\n'))
        check('error: no file', run('-f', folder + '/none', 'list'),
              (2, '', f'kobjtree: {folder}/none: No such file or directory\n'))
        check('error: no debugfs', run('--debugfs', folder, 'list'),
              (2, '', f'kobjtree: debugfs is not mounted: mount -t debugfs none {folder}\n'))
    check('error: no such object', run('-f', snapshot('streaming.jsonl'), 'why', 'nobody'),
          (2, '', 'kobjtree: no object with the id, type, name or device "nobody"\n'))


def main():
    """All tests; the exit status."""
    print(f'TAP version 13\n1..{TESTS}')
    for test in (test_list, test_tree, test_why, test_leaks, test_holders, test_diff, test_svg, test_errors):
        test()
    return len(results) != TESTS or not all(results)


if __name__ == '__main__':
    sys.exit(main())
