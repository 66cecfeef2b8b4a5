#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Check the models of models/ with spin: each as it is, and each of its mistakes.

A mistake is a WRONG_... in a model, and spin must refute the model with it. In the
model without one no statement may be left that nothing reaches. Prints TAP, with how
many states there are, or what a mistake breaks and after how many steps.
"""
import pathlib
import re
import shutil
import subprocess
import sys

MODELS = pathlib.Path(__file__).resolve().parent / "models"
STEPS = 20000


def run(*args, cwd):
    return subprocess.run(args, cwd=cwd, capture_output=True, text=True, check=False)


def pan(model, wrong, work):
    """The checker of one variant, made again if the model is newer."""
    where = work / f"{model.stem}-{wrong or 'right'}"
    prog = where / "pan"
    newest = max(model.stat().st_mtime, pathlib.Path(__file__).stat().st_mtime)
    if prog.exists() and prog.stat().st_mtime > newest:
        return prog
    where.mkdir(parents=True, exist_ok=True)
    made = run("spin", *([f"-D{wrong}"] if wrong else []), "-a", str(model), cwd=where)
    if (where / "pan.c").exists():
        made = run("gcc", "-O1", "-w", "-DSAFETY", "-o", "pan", "pan.c", cwd=where)
    if made.returncode or not prog.exists():
        sys.exit(f"{model.name} {wrong}: spin or gcc failed:\n{made.stdout}{made.stderr}")
    return prog


def never(out, machine):
    """The lines that nothing reaches; an inline has states in each that uses it."""
    states, found = {}, set()
    for text, pattern in ((machine, r"\tstate +(\d+) .*\.pml:(\d+) =>"),
                          (out, r"\t\S+\.pml:(\d+), state (\d+), \"(?!-end-)")):
        name = None
        for line in text.splitlines():
            head = re.match(r"(?:unreached in )?(?:proctype|init)\s*(\w*)", line)
            name = (head[1] or "init") if head else name
            m = re.match(pattern, line)
            if m and text is machine:
                states.setdefault(m[2], set()).add((name, m[1]))
            elif m:
                found.add((name, m[2]))
    return sorted((n for n, all_ in states.items() if all_ <= found), key=int)


def verdict(model, wrong, work):
    """(whether it is as it should be, what was found)"""
    prog = pan(model, wrong, work)
    out = run(str(prog), f"-m{STEPS}", "-w18", cwd=prog.parent).stdout
    errors = re.search(r"errors: (\d+)", out)
    if not errors or "max search depth too small" in out:
        return False, f"not checked: {out.strip()[:200]}"
    if wrong:
        found = re.search(r"pan:\d+: (.*?)(?: \(at depth (\d+)\))?$", out, flags=re.M)
        if not found or errors[1] == "0":
            return False, "not refuted"
        return True, f"{found[1]} (after {found[2]} steps)"
    if errors[1] != "0":
        return False, re.search(r"pan:\d+: (.*)", out)[1]
    unreached = never(out, run(str(prog), "-d", cwd=prog.parent).stdout)
    if unreached:
        return False, "nothing reaches line " + ", ".join(unreached)
    states = re.search(r"(\d+) states, stored", out)
    return True, f"{states[1]} states, all of them right"


def main():
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} DIRECTORY, which keeps what is built")
    for tool in ("spin", "gcc"):
        if not shutil.which(tool):
            sys.exit(f"models.py: {tool} is missing: apt-get install {tool}")
    work = pathlib.Path(sys.argv[1]).resolve()
    cases = [(model, wrong) for model in sorted(MODELS.glob("*.pml"))
             for wrong in ["", *sorted(set(re.findall(r"\bWRONG_\w+", model.read_text())))]]
    print(f"TAP version 13\n1..{len(cases)}")
    failed = 0
    for n, (model, wrong) in enumerate(cases, 1):
        ok, found = verdict(model, wrong, work)
        failed += not ok
        name = f"{model.stem}: " + (f"refutes {wrong[6:].lower().replace('_', ' ')}"
                                    if wrong else "right")
        print(f"{'' if ok else 'not '}ok {n} - {name:40}\n# {found}", flush=True)
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
