#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What debugfs, the tracepoints and tools/kobjtree say of a module's graphs.

Run by insight.sh, in the guest. Prints TAP.
"""

import contextlib
import errno
import importlib.machinery
import importlib.util
import io
import json
import os
import re
import shlex
import subprocess
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
MODULE = 'kobjtree_test_insight'
OBJECTS = '/sys/kernel/debug/kobjtree/objects'
TYPES = '/sys/kernel/debug/kobjtree/types'
PARAMETERS = '/sys/module/kobjtree/parameters/'
GRAPH = '/sys/kernel/debug/kobjtree/graph'
TRACE = '/sys/kernel/tracing/'
# Here, and in a kernel tree.
TOOL = next(path for path in (os.path.join(HERE, up, 'kobjtree') for up in
                              ('../tools', '../../../kobjtree')) if os.path.isfile(path))
LOADER = importlib.machinery.SourceFileLoader('tool', TOOL)
tool = importlib.util.module_from_spec(importlib.util.spec_from_loader('tool', LOADER))
LOADER.exec_module(tool)

# The worked examples, which are run: here, and in a kernel tree.
GUIDE = next(path for path in (os.path.join(HERE, up, 'Documentation/dev-tools/kobjtree.rst')
                               for up in ('..', '../../../..')) if os.path.isfile(path))

TESTS = 53
results = []

# Since 6.17, it gives the stacks of the holders as text.
with open('/proc/kallsyms', encoding='ascii') as symbols:
    STACKS = ' ref_tracker_dir_snprint' in symbols.read()


def check(name, got, want=True, skip=''):
    """One test; SKIP says why it is none."""
    results.append(bool(skip) or got == want)
    print(f'{"ok" if results[-1] else "not ok"} {len(results)} - {name}'
          f'{" # SKIP " + skip if skip else ""}', flush=True)
    if not results[-1]:
        print(f'# got  {got}\n# want {want}', flush=True)


def do(*deeds):
    """Let the module do something."""
    for deed in deeds:
        with open(f'/sys/module/{MODULE}/parameters/do', 'w', encoding='ascii') as file:
            file.write(deed)


def read(path):
    """A file's text."""
    with open(path, encoding='ascii') as file:
        return file.read()


def lines(text=None):
    """The objects of the module, by the text of kobjtree/objects."""
    parsed = [json.loads(line) for line in (text or read(OBJECTS)).splitlines()]
    assert parsed[0] == {'kobjtree': 1, 'missing': 0}, parsed[0]
    return [obj for obj in parsed[1:] if 'id' in obj and
            (obj['module'] == MODULE or obj['name'] == 'struct book')]


def renumbered(text, first):
    """Ids from 1 on."""
    return re.sub(r'("id":|"to":|\bo|^)(\d+)', lambda m: f'{m[1]}{int(m[2]) - first + 1}', text)


def run(*args):
    """What the tool prints, and its exit status."""
    output = io.StringIO()
    args = tool.parser().parse_args(args)
    with contextlib.redirect_stdout(output):
        status = int(args.run(args))
    return status, output.getvalue()


def line(ident, kind, references, outside, edges, **other):
    """An object as kobjtree/objects has it."""
    edges = ','.join(f'{{"to":{to},"kind":"{how}"}}' for to, how in edges)
    module = other.get('module', MODULE)
    return (f'{{"id":{ident},"type":"{kind}","name":"{other.get("name", kind)}",'
            f'"module":"{module}","unloading":false,"state":"alive","device":"",'
            f'"bindings":0,"references":{references},"outside":{outside},"edges":[{edges}]}}')


def test_objects():
    """The exact text, and how it changes."""
    do('desk')
    first = lines()[0]['id']
    ours = [renumbered(text, first) for text in read(OBJECTS).splitlines()[1:]]
    check('a line for each object, with each kind of edge', ours, [
        line(1, 'lamp_type', 1, 0, []),
        line(2, 'chair_type', 1, 0, []),
        line(3, 'plain', 1, 0, [], module='kobjtree', name='struct book'),
        line(4, 'desk_type', 2, 1, [(1, 'slot'), (3, 'allocated'), (2, 'embedded')]),
        line(5, 'drawer_type', 1, 1, [(4, 'container')])])
    check('the same in the language of Graphviz',
          renumbered(read(GRAPH), first),
          'digraph kobjtree {\n\tnode [shape=box];\n'
          '\to1 [label="lamp_type\\n1 references"];\n'
          '\to2 [label="chair_type\\n1 references"];\n'
          '\to3 [label="struct book\\n1 references"];\n'
          '\to4 [label="desk_type\\n2 references"];\n'
          '\to4 -> o1;\n\to4 -> o3;\n\to4 -> o2;\n'
          '\to5 [label="drawer_type\\n1 references"];\n'
          '\to5 -> o4 [style=dashed];\n}\n')
    do('take')
    desk = lines()[3]
    check('a reference from outside is counted', (desk['references'], desk['outside']), (3, 2))
    do('give_back', 'unlink')
    check('an edge that was dropped is gone, and what it held',
          [(obj['type'], len(obj['edges'])) for obj in lines()],
          [('lamp_type', 0), ('plain', 0), ('desk_type', 2), ('drawer_type', 1)])
    check('why: each holder, and the way to the outside',
          renumbered(re.sub(r'\b(\d+) (?=\w+_type)', r'o\1 ', run('why', 'lamp_type')[1]), first),
          f'o1 lamp_type: alive, module {MODULE}\n'
          '  1 references: 0 from outside, 1 of edges and members\n'
          f'  slot of o4 desk_type, alive, module {MODULE}\n'
          '  kept by: o1 lamp_type <- slot of o4 desk_type <- 1 from outside\n')
    do('undesk')
    check('nothing is left of objects that are gone', read(OBJECTS), '{"kobjtree":1,"missing":0}\n')


def missing():
    """How many objects have no record."""
    return json.loads(read(OBJECTS).splitlines()[0])['missing']


def made_with_nth_failing(nth, deed):
    """Whether DEED succeeds, of which the NTH allocation fails."""
    with open(f'/sys/module/{MODULE}/parameters/do', 'wb', buffering=0) as file, \
            open('/proc/self/fail-nth', 'wb', buffering=0) as fail:
        fail.write(str(nth).encode())
        try:
            file.write(deed)
        except OSError:
            return False
        finally:
            fail.write(b'0')
    return True


def test_missing():
    """An object without memory for its record, until it goes."""
    skip = '' if os.path.exists('/proc/self/fail-nth') else 'no fault injection'
    seen = left = 0
    # Again: the slab may have allocated for itself just then.
    for nth in [] if skip else 20 * list(range(1, 30)):
        if seen or not made_with_nth_failing(nth, b'forget'):
            continue
        seen += missing()
        do('remember')
        left += missing()
    check('objects without a record are missing while they are there', seen > 0, skip=skip)
    check('and not any more', left, 0, skip=skip)


def told(path=OBJECTS):
    """The lines of a file that are about no object, by the first word."""
    return [obj for obj in map(json.loads, read(path).splitlines()) if 'id' not in obj][1:]


def test_holders():
    """References with a name."""
    do('desk', 'open', 'open', 'arm')
    desk = next(obj for obj in lines() if obj['type'] == 'desk_type')
    users = told()
    check('a line for each kind of holder, with how many and of what',
          [(line['of'], line['kind'], line['count']) for line in users],
          [(desk['id'], 'timer', 1), (desk['id'], 'file', 2)])
    check('and with the stacks that took them',
          [len(re.findall(f' {name}\\+0x', users[1]['stacks'])) for name in
           ('desk_open', 'do_open', 'do_arm')], [1, 1, 0],
          '' if STACKS else 'ref_tracker of this kernel writes to the log alone')
    check('why names the kinds', [text for text in run('why', 'desk_type')[1].splitlines()
                                  if 'references' in text],
          ['  5 references: 4 from outside (1 timer, 2 file), 1 of edges and members'])
    do('disarm', 'shut')
    check('what was put is no longer there', told(), [])
    do('undesk')


def types():
    """How many of each type, and how many ever."""
    return {(line['type'], line['module']): (line['live'], line['made'])
            for line in map(json.loads, read(TYPES).splitlines()) if 'type' in line}


def test_types():
    """Counts by type and module, and totals."""
    before = types()
    do('desk', 'lose')
    after = types()
    check('types: each type is counted with its module',
          {kind[0]: tuple(now - then for now, then in zip(count, before.get(kind, (0, 0))))
           for kind, count in after.items() if count != before.get(kind)},
          {'lamp_type': (2, 2), 'chair_type': (1, 1), 'plain': (1, 1), 'desk_type': (1, 1),
           'drawer_type': (1, 1)})
    total = json.loads(read(TYPES).splitlines()[-1])
    check('types: the last line is the sum', (total['live'], total['made']),
          tuple(sum(count[i] for count in after.values()) for i in (0, 1)))
    do('undesk', 'find')
    check('types: what is gone counts no more', {live for live, _ in types().values()}, {0})


def gadget():
    """State, bindings and outside references of the bound object."""
    return [(obj['state'], obj['device'], obj['bindings'], obj['outside']) for obj in lines()]


def test_states():
    """An object that outlives its device."""
    device = f'{MODULE}.0'
    do('device')
    check('a bound object names its device', gadget(), [('alive', device, 1, 2)])
    check('leaks: nothing is wrong with it', run('leaks'), (0, 'none\n'))
    do('mark')
    check('the gate is marked', gadget(), [('marked', device, 1, 2)])
    do('unplug')
    check('the gate is quiet', gadget(), [('quiet', device, 1, 2)])
    do('unbind')
    check('the object outlives its device', gadget(), [('unbound', device, 0, 1)])
    ident = lines()[0]['id']
    check('leaks: it says so', run('leaks'),
          (1, f'{ident} gadget_type: 1 from outside, and its device {device} is gone\n'))
    do('close')
    check('it is gone after the last put', gadget(), [])


def read_on(file, count=-1):
    """So many bytes, at least; all with -1."""
    data = b''
    while count < 0 or len(data) < count:
        got = os.read(file, 512)
        if not got:
            break
        data += got
    return data


def test_large():
    """An object in several pieces, and one that goes while it is read."""
    do('hub')
    hub = lines()[0]
    check('an object of a thousand edges has all of them',
          sorted(edge['to'] for edge in hub['edges']),
          list(range(hub['id'] + 1, hub['id'] + 1001)))
    file = os.open(OBJECTS, os.O_RDONLY)
    other = os.open(OBJECTS, os.O_RDONLY)
    begun, others = read_on(file, 5000), read_on(other, 9000)
    do('unhub')
    hub = lines((begun + read_on(file)).decode())
    check('one that goes while it is read is cut, and its line is whole',
          (len(hub), hub[0]['cut'], 30 < len(hub[0]['edges']) < 1000), (1, True, True))
    hub = lines((others + read_on(other)).decode())
    check('so for each reader', (len(hub), hub[0]['cut'], len(hub[0]['edges']) < 1000),
          (1, True, True))
    os.lseek(file, 0, os.SEEK_SET)
    check('a reader can begin again', read_on(file), b'{"kobjtree":1,"missing":0}\n')
    os.close(file)
    do('hub')
    read_on(other, 100)
    os.lseek(other, 0, os.SEEK_SET)
    read_on(other, 9000)
    os.close(other)
    do('unhub')
    check('one that was closed amid an object left nothing there', lines(), [])


def test_storm():
    """Whole lines while objects come and go."""
    do('storm')
    seen, reads, end = 0, 0, time.monotonic() + 2
    while time.monotonic() < end:
        for obj in lines():
            assert obj['state'] in ('alive', 'dying')
            seen += 1
        reads += 1
    do('calm')
    print(f'# {reads} reads, {seen} objects')
    check('objects were seen in the storm', reads > 3 and seen > 3)
    check('none of them is left', lines(), [])


def test_leaks():
    """Two bugs in a driver."""
    do('lose')
    check('a lost reference looks like an outside holder', run('leaks'), (0, 'none\n'))
    do('circle')
    lost, second, first = (obj['id'] for obj in lines())
    check('leaks: a circle by hand is found', run('leaks')[1].splitlines()[0],
          f'{second} pair_type -> {first} pair_type -> {second} pair_type: '
          'a cycle that nothing else keeps')
    check('leaks --module: a lost reference is when nobody should be there',
          run('leaks', '--module', MODULE)[1].splitlines()[-1],
          f'{lost} lamp_type: 1 from outside, and {MODULE} was said to be idle')
    check('why: the way out of the circle ends at the hand',
          run('why', str(second))[1].splitlines()[-1],
          f'  kept by: {second} pair_type <- slot of {first} pair_type <- 1 from outside')
    do('find', 'uncircle')


def traced(*deeds):
    """The events of some deeds: (event, types), with the addresses checked."""
    def write(name, text):
        with open(TRACE + name, 'w', encoding='ascii') as file:
            file.write(text)

    write('trace', '')
    write('events/kobjtree/enable', '1')
    do(*deeds)
    write('events/kobjtree/enable', '0')
    events, alive = [], {}
    for event, args in re.findall(r' kobjtree_(\w+): (.*)', read(TRACE + 'trace')):
        words = args.replace('-> ', '').split()
        for kind, address in zip(words[::2], words[1::2]):
            if event == 'init':
                alive[address] = kind
            assert alive[address] == kind, (event, args, alive)
        events.append(' '.join([event] + words[::2]))
    return events


def test_trace():
    """Each event, in its order."""
    made = ['init lamp_type', 'init chair_type', 'init plain', 'init desk_type',
            'link desk_type lamp_type', 'link desk_type chair_type', 'link desk_type plain',
            'init drawer_type', 'link drawer_type desk_type']
    gone = ['last_put drawer_type', 'release drawer_type', 'free drawer_type',
            'unlink drawer_type desk_type']
    torn = ['release desk_type']
    for kind in ('plain', 'chair_type', 'lamp_type'):
        torn += [f'unlink desk_type {kind}', f'last_put {kind}', f'release {kind}', f'free {kind}']
    torn.append('free desk_type')
    check('trace: a graph comes and goes', traced('desk', 'undesk'),
          made + gone + ['last_put desk_type'] + torn)
    check('trace: a deferred teardown', traced('desk', 'undesk_async'),
          made + gone + ['last_put desk_type', 'defer desk_type', 'deferred desk_type'] + torn)
    check('trace: an unlink by hand', traced('desk', 'unlink', 'undesk')[9:13],
          ['unlink desk_type chair_type', 'last_put chair_type', 'release chair_type',
           'free chair_type'])
    check('trace: a removal', traced('device', 'mark', 'unbind', 'close'),
          ['init gadget_type', 'mark gadget_type', 'drain gadget_type', 'drained gadget_type',
           'last_put gadget_type', 'release gadget_type', 'free gadget_type'])


def write(path, text):
    """A file's new text."""
    with open(path, 'w', encoding='ascii') as file:
        file.write(text)


def delays():
    """How long each of five teardowns was put off, in ms."""
    write(TRACE + 'trace', '')
    write(TRACE + 'events/kobjtree/enable', '1')
    for _ in range(5):
        do('desk', 'undesk_async')
    write(TRACE + 'events/kobjtree/enable', '0')
    times = [(float(time), event) for time, event in
             re.findall(r' (\d+\.\d+): kobjtree_(defer|deferred): drawer_type', read(TRACE + 'trace'))]
    return [1000 * (end - begin) for (begin, _), (end, _) in zip(times[::2], times[1::2])]


def test_delays():
    """Late teardowns, the same again with the same seed."""
    write(PARAMETERS + 'delay_release_ms', '300')
    runs = []
    for seed in ('7', '7', '8'):
        write(PARAMETERS + 'delay_release_seed', seed)
        runs.append(delays())
    write(PARAMETERS + 'delay_release_ms', '0')
    print(f'# {runs}')
    check('each teardown is late', [len(run) for run in runs] == [5] * 3 and min(map(min, runs)) >= 1)
    first, again, other = runs
    check('a seed gives the same delays again, another one others',
          sum(map(abs, map(float.__sub__, first, again))) <
          sum(map(abs, map(float.__sub__, first, other))))


def seen(text):
    """What does not depend on addresses, on ids and on the long name of the module."""
    text = re.sub(r'\+0x[0-9a-f]+/0x[0-9a-f]+( \[\w+\])?', '', text)
    text = re.sub(r'\[\d+\], \d+ ms ago', '[N], N ms ago', text)
    return text.replace(MODULE, 'desk')


def examples(heading):
    """The blocks of a section of the guide: [(command, output)]."""
    text = read(GUIDE).split(f'\n{heading}\n', 1)[1]
    text = re.split(r'\n[^\n]+\n[=~-]{4,}\n', text.split('\n', 1)[1])[0]
    found, block = [], None
    for line in text.splitlines():
        if line.startswith('\t# '):
            block = []
            found.append((line[3:], block))
        elif line.startswith('\t') and block is not None:
            block.append(line[1:])
        elif line.strip():
            block = None
    return [(command, '\n'.join(output).strip()) for command, output in found]


def in_order(want, got):
    """Whether each line of one text is a part of the other, in this order."""
    place = 0
    for line in want.splitlines():
        if line.strip() == '...':
            continue
        place = got.find(line.strip(), place)
        if place < 0:
            return line
        place += len(line.strip())
    return ''


def as_told(want):
    """What the guide shows, as far as ref_tracker of this kernel can tell it."""
    if not STACKS:
        want = re.sub(r'(?m)^( *)\d+ of kind \w+, taken by\n(\1  .*(\n|\Z))*', '', want)
        want = re.sub(r'(?m)^ref_tracker: .*\n', '', want)
    return want.strip()


def check_example(heading, first):
    """Each command of a section says what the guide shows; ids count from FIRST on."""
    for command, want in examples(heading):
        words = command.split()
        if words[0] == 'kobjtree':
            got = run(*(word.replace('desk', MODULE) if word == 'desk' else word
                        for word in words[1:]))[1]
            got = re.sub(r'(?m)(^| of |by: |<- \w+ of )(\d+)(?= \w+_type)',
                         lambda m: f'{m[1]}{int(m[2]) - first + 1}', seen(got)).strip()
            check(f'guide: {heading}: {command}', got, as_told(want))
        elif words[0] == 'dmesg':
            log = subprocess.run(['dmesg'], stdout=subprocess.PIPE, text=True, check=True).stdout
            log = re.sub(r'left: (\d+)', lambda m: f'left: {int(m[1]) - first + 1}', seen(log))
            check(f'guide: {heading}: {command}', in_order(as_told(want), log), '')


def test_guide():
    """The worked examples of the guide."""
    do('desk', 'open', 'open')
    check_example('Who holds my object?', lines()[0]['id'])
    do('shut', 'undesk')
    do('forget')
    check_example('My driver leaks', lines()[0]['id'])
    do('remember')
    with open('/dev/kmsg', 'w', encoding='ascii') as log:
        log.write('kobjtree-expect: lamp_type: put of an object that is gone\n')
    do('put_again')
    check_example('KASAN blames kobjtree', 0)


def test_recorders():
    """The lines of the guide for trace-cmd record what they say."""
    lines_of = re.findall(r'``trace-cmd (record .*?) sleep 10``', read(GUIDE))
    wanted = (('desk_type', 'kobjtree_last_put'), ('gadget_type', 'kobjtree_drained'),
              ('desk_type', 'kobjtree_init'))
    # Those of its processes that record must not be told to end before they begin.
    deeds = 'until [ "$(ls -l /proc/[0-9]*/fd 2>/dev/null | grep -c trace_pipe_raw)" ' \
            '-ge "$(nproc)" ]; do sleep 0.1; done; ' \
            'for deed in desk undesk device mark unbind close; do echo $deed >' \
            f'/sys/module/{MODULE}/parameters/do; done'
    for text, (kind, event) in zip(lines_of, wanted):
        args = shlex.split(text)
        said = subprocess.run(['trace-cmd', *args, '-o', '/run/trace.dat', 'sh', '-c', deeds],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              check=False).stdout
        report = subprocess.run(['trace-cmd', 'report', '-i', '/run/trace.dat'],
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                check=False).stdout
        write(TRACE + 'events/kobjtree/filter', '0')
        found = re.search(f'{event}: +{kind}', report)
        check(f'guide: trace-cmd {text}', found[0].split() if found else (said, report),
              [f'{event}:', kind])


def test_errors():
    """What the tool says where it cannot work, in one line."""
    def stderr(*args):
        ran = subprocess.run([TOOL, *args], stderr=subprocess.PIPE, text=True, check=False)
        return ran.returncode, ran.stderr

    check('tool: debugfs is not mounted', stderr('--debugfs', '/run/none', 'list'),
          (2, 'kobjtree: debugfs is not mounted: mount -t debugfs none /run/none\n'))
    check('tool: no such object', stderr('why', 'nobody'),
          (2, 'kobjtree: no object with the id, type, name or device "nobody"\n'))
    with open('/run/broken', 'w', encoding='ascii') as file:
        file.write('{"kobjtree":1,"missing":0}\n{"id":\n')
    check('tool: a broken snapshot', stderr('-f', '/run/broken', 'tree'),
          (2, 'kobjtree: /run/broken:2: not a line of kobjtree/objects\n'))
    try:
        os.open(OBJECTS, os.O_WRONLY)
    except OSError as error:
        check('the file is for reading', errno.errorcode[error.errno] in ('EACCES', 'EPERM'))
    else:
        check('the file is for reading', os.stat(OBJECTS).st_mode & 0o777, 0o400)


def test_unload():
    """An rmmod that waits names what it waits for."""
    do('forget')
    ident = lines()[0]['id']
    with subprocess.Popen(['rmmod', MODULE]) as rmmod:
        end = time.monotonic() + 20
        while not lines()[0]['unloading'] and time.monotonic() < end:
            time.sleep(0.1)
        check('leaks: what rmmod waits for', run('leaks')[1].splitlines()[0],
              f'{ident} lamp_type: 1 from outside (1 session), and rmmod of {MODULE} waits for it')
        while b'from outside' not in subprocess.run(
                'dmesg | grep "kobjtree: left: .* lamp_type"', shell=True, check=False,
                stdout=subprocess.PIPE).stdout and time.monotonic() < end:
            time.sleep(0.2)
        check_example('My rmmod hangs', ident)
        do('remember')
        check('rmmod goes on', rmmod.wait(), 0)


def main():
    """All tests; the exit status."""
    print(f'TAP version 13\n1..{TESTS}')
    for test in (test_objects, test_missing, test_holders, test_types, test_states, test_large, test_storm,
                 test_leaks, test_trace, test_delays, test_recorders, test_errors, test_guide,
                 test_unload):
        test()
    return len(results) != TESTS or not all(results)


if __name__ == '__main__':
    sys.exit(main())
