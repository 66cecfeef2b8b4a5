#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Each allocating call of kobjtree fails once in the probe of each sample; fault.py
# has the tests.
#
# MODULE_ROOT: where modprobe finds the modules.

# sensor_sim makes the devices, rail_kobjtree is what supply and lamp share.
modprobe -a -d "${MODULE_ROOT:-/}" sensor_sim sensor_kobjtree pair_kobjtree \
	supply_kobjtree lamp_kobjtree isp_kobjtree || exit 1
# Not in a kernel that the glue cannot be built for.
modprobe -a -q -d "${MODULE_ROOT:-/}" capture_kobjtree m2m_kobjtree
"${0%/*}/fault.py" || failed=1
for module in capture_kobjtree m2m_kobjtree isp_kobjtree lamp_kobjtree supply_kobjtree \
	pair_kobjtree sensor_kobjtree rail_kobjtree sensor_sim; do
	[ ! -d "/sys/module/$module" ] || rmmod "$module" || failed=1
done
exit "${failed-0}"
