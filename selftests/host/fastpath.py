#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Compare the fast paths of kobjtree with those of kref, instruction by instruction.

usage: fastpath.py kobjtree_fastpath.o    (of a kernel without lock debugging)

Prints TAP, with the number of instructions and of locked ones of each path.
"""
import re
import shutil
import subprocess
import sys

PAIRS = ("get", "get_unless_zero", "put", "put_async", "holder_get", "holder_put")


def functions(obj):
    """Return the instructions, with relocations, of each function in obj."""
    text = subprocess.run(["objdump", "-dr", "--no-show-raw-insn", obj],
                          check=True, capture_output=True, text=True).stdout
    code, start, insns = {}, 0, None
    for line in text.splitlines():
        head = re.match(r"([0-9a-f]+) <(\w+)>:", line)
        if head:
            start, insns = int(head[1], 16), code.setdefault(head[2], [])
            continue
        insn = re.match(r"\s+[0-9a-f]+:\s+(.+)", line)
        if insn and insns is not None:
            insns.append(normalise(insn[1], start))
    return {name: strip(insns) for name, insns in code.items()}


def normalise(insn, start):
    """Make addresses relative to the function, relocations by symbol alone."""
    insn = re.sub(r"#.*", "", insn)
    insn = re.sub(r"\b([0-9a-f]+) <\w+(\+0x[0-9a-f]+)?>",
                  lambda m: hex(int(m[1], 16) - start), insn)
    return re.sub(r"\s+", " ", insn).strip()


def strip(insns):
    """Leave out the padding after the end, which is the next one's."""
    while insns and re.match(r"(cs )*(nop|xchg %ax,%ax|data16|int3)", insns[-1]):
        insns = insns[:-1]
    return insns


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    if not shutil.which("objdump"):
        sys.exit("fastpath.py: objdump is missing: install binutils")
    code = functions(sys.argv[1])
    print(f"TAP version 13\n1..{len(PAIRS)}")
    failed = 0
    for i, name in enumerate(PAIRS, 1):
        ours, kref = (code.get(f"fastpath_{who}_{name}") for who in ("kobjtree", "kref"))
        same = bool(ours) and ours == kref
        failed += not same
        if same:
            insns = [insn for insn in ours if not insn.startswith("R_")]
            locked = sum(insn.startswith("lock") for insn in insns)
            print(f"# {name}: {len(insns)} instructions, {locked} locked")
        else:
            print(f"# {name}: kobjtree {ours}\n# {name}: kref {kref}")
        print(f"{'ok' if same else 'not ok'} {i} {name} is that of kref")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
