# SPDX-License-Identifier: GPL-2.0-only
"""Where everything is in a kernel tree, and the lines there that lead to it."""

import os
import re
import subprocess

# What is here, and its place there; nothing else leaves this tree. The first that
# matches counts.
PLACES = [
    (r'objtree/compat(\.h|/.*)', None),
    (r'selftests/seeded/.*', None),
    (r'Kconfig', 'lib/kobjtree/Kconfig'),
    (r'include/.*\.h', r'\g<0>'),
    (r'Documentation/.*/.*\.rst', r'\g<0>'),
    (r'objtree/(.*)', r'lib/kobjtree/\1'),
    (r'samples/(.*)', r'samples/kobjtree/\1'),
    (r'selftests/(.*)', r'tools/testing/selftests/kobjtree/\1'),
    (r'bench/(.*)', r'tools/testing/kobjtree/bench/\1'),
    (r'userspace/(.*)', r'tools/testing/kobjtree/\1'),
    (r'tools/(.*)', r'tools/kobjtree/\1'),
]


def files(top):
    """Of this tree, tracked or not yet, without ignored ones."""
    listed = subprocess.run(
        ['git', '-C', top, 'ls-files', '-co', '--exclude-standard', '-z'],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    if listed.returncode == 0:
        names = listed.stdout.split('\0')
    else:   # an unpacked archive
        names = [os.path.relpath(os.path.join(folder, name), top)
                 for folder, _, found in os.walk(top) for name in found]
    return sorted(name for name in set(names) if os.path.isfile(os.path.join(top, name)))


def place(name):
    """Of a file of this tree in a kernel tree, or None."""
    for pattern, there in PLACES:
        match = re.fullmatch(pattern, name)
        if match:
            return there and match.expand(there)
    return None


def places(top):
    """Each place in a kernel tree, and the file here."""
    return {place(name): name for name in files(top) if place(name)}


# === The lines in the tree's own files; PLACED are the paths that are there ===

def pages(placed, folder, indent):
    """Of a toctree."""
    names = [path[len(folder) + 1:-len('.rst')] for path in placed
             if os.path.dirname(path) == folder]
    return ''.join(f'{indent}{name}\n' for name in sorted(names))


def entry(placed, maintainers):
    """That of MAINTAINERS, with the patterns that match something."""
    patterns = set()
    for path in placed:
        match = re.match(r'(Documentation|include)/(.*/)?kobjtree[^/]*(\.\w+)$', path)
        if match:
            patterns.add(f'{match[1]}/{match[2]}kobjtree*{match[3]}')
        else:
            patterns.add(re.match(r'.*?kobjtree/', path)[0])
    own = re.search(r'^KOBJTREE\n(?:[A-EG-Z]:\t.*\n)+', maintainers, re.M)[0]
    return own + ''.join(f'F:\t{pattern}\n' for pattern in sorted(patterns)) + '\n'


def after(pattern):
    """Behind the first line that matches."""
    def where(text):
        match = re.search(rf'^{pattern}.*\n', text, re.M)
        return match and match.end()
    return where


def sorted_in(pattern, key):
    """In front of the first of the lines of this pattern that sorts behind the key."""
    def where(text):
        for match in re.finditer(rf'^{pattern}', text, re.M):
            if match[1] > key:
                return match.start()
        return None
    return where


def at_end(text):
    """Behind everything."""
    return len(text)


def lines(placed, maintainers):
    """(file of the tree, where in it, lines)."""
    folders = {'/'.join(path.split('/')[:2]) for path in placed}
    yield ('Documentation/core-api/index.rst', after(r' +kref$'),
           pages(placed, 'Documentation/core-api', '   '))
    yield ('Documentation/dev-tools/index.rst', after(r' +kmemleak$'),
           pages(placed, 'Documentation/dev-tools', '   '))
    yield ('Documentation/driver-api/media/v4l2-core.rst', after(r' +v4l2-mem2mem$'),
           pages(placed, 'Documentation/driver-api/media', '    '))
    yield ('MAINTAINERS', sorted_in(r'(?<=\n\n)(K.+)\n[A-Z]:\t', 'KOBJTREE'),
           entry(placed, maintainers) if placed else '')
    if 'lib/kobjtree' in folders:
        yield ('lib/Kconfig', at_end, '\nsource "lib/kobjtree/Kconfig"\n')
        yield ('lib/Makefile', after(r'lib-y\s+\+= kobject\.o'),
               'obj-$(CONFIG_KOBJTREE) += kobjtree/\n')
    if 'samples/kobjtree' in folders:
        yield ('samples/Kconfig', after(r'source "samples/damon/Kconfig"'),
               '\nsource "samples/kobjtree/Kconfig"\n')
        yield ('samples/Makefile', after(r'obj-\$\(CONFIG_SAMPLE_KOBJECT\)'),
               'obj-$(CONFIG_SAMPLE_KOBJTREE)\t\t+= kobjtree/\n')
    if any(path.startswith('tools/testing/selftests/kobjtree/') for path in placed):
        yield ('tools/testing/selftests/Makefile',
               sorted_in(r'TARGETS \+= (\S+)', 'kobjtree'), 'TARGETS += kobjtree\n')


class Misfit(Exception):
    """A tree that is not as it should be."""


def edits(read, placed, maintainers):
    """(file of the tree, its text with our lines, our lines); READ gives texts."""
    for name, where, add in lines(placed, maintainers):
        if not add:
            continue
        text = read(name)
        if text is None:
            raise Misfit(f'no {name}')
        spot = where(text)
        if spot is None:
            raise Misfit(f'no place for kobjtree in {name}')
        yield name, text[:spot] + add + text[spot:], add


# === Files as they are there ===

def compat_names(top):
    """What objtree/compat.h may define, and a new kernel never does."""
    with open(os.path.join(top, 'objtree/compat.h'), encoding='utf-8') as text:
        return sorted(set(re.findall(r'^#define (COMPAT_\w+)$', text.read(), re.M)))


def build_unifdef(ksrc, folder):
    """The kernel's own."""
    tool = os.path.join(folder, 'unifdef')
    subprocess.run(['cc', '-O1', '-w', '-o', tool, os.path.join(ksrc, 'scripts/unifdef.c')],
                   check=True)
    return tool


def text_for_tree(top, here, unifdef):
    """A file without what is for older kernels."""
    path = os.path.join(top, here)
    with open(path, 'rb') as file:
        data = file.read()
    if here.endswith(('.c', '.h')) and b'COMPAT_' in data:
        names = [f'-U{name}' for name in compat_names(top)]
        # it exits with 1 where it changed something
        data = subprocess.run([unifdef, '-B', *names, path], stdout=subprocess.PIPE,
                              check=False).stdout
    return data
