#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# What debugfs kobjtree/leaks and tools/kobjtree say of objects that leak; leaks.py
# has the tests.
#
# MODULE_ROOT: where modprobe finds the modules of selftests/modules.

# Each step looks at what the one before has left.
echo 0 >/sys/module/kobjtree/parameters/delay_release_ms
modprobe -d "${MODULE_ROOT:-/}" kobjtree_test_leaks || exit 1
"${0%/*}/leaks.py"
rc=$?
rmmod kobjtree_test_leaks || rc=1
exit $rc
