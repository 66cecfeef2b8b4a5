#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# What debugfs, the tracepoints and tools/kobjtree say of graphs that a module
# makes; insight.py has the tests.
#
# MODULE_ROOT: where modprobe finds the modules of selftests/modules.

mountpoint -q /sys/kernel/tracing || mount -t tracefs none /sys/kernel/tracing
# Each step looks at what the one before has left.
echo 0 >/sys/module/kobjtree/parameters/delay_release_ms
modprobe -d "${MODULE_ROOT:-/}" kobjtree_test_insight || exit 1
exec "${0%/*}/insight.py"
