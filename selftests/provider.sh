#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Providers and their users: unbind and unload a supply under a lamp.
#
# BIN: where the program is. MODULE_ROOT: where modprobe finds the modules.

failed=0
modprobe -a -d "${MODULE_ROOT:-/}" \
	sensor_sim supply_kobjtree lamp_kobjtree isp_kobjtree || exit 1

"${BIN:-.}/provider_unbind" kobjtree || failed=1

# The program has unloaded the supply and the lamp.
rmmod isp_kobjtree || failed=1
rmmod rail_kobjtree || failed=1
rmmod sensor_sim || failed=1
exit $failed
