#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# HID sensors: a driver of the kernel, and what scripts/convert makes of it.
#
# BIN: where uhid_sensor is. MODULE_ROOT: where modprobe finds the modules.

# shellcheck source-path=SCRIPTDIR source=tap.sh
. "${0%/*}/tap.sh"

# It came with hidraw for sensors.
[ -z "${KDIR-}" ] ||
	grep -q hid_sensor_custom_get_known "$KDIR/source/drivers/hid/hid-sensor-custom.c" ||
	skip_all "sensors of this kernel have no hidraw, and it knows others by name"
load "no HID sensors in this kernel" \
	uhid hid_sensor_hub hid_sensor_custom_kobjtree

"${BIN:-.}/uhid_sensor" hid_sensor_custom_kobjtree || failed=1
rmmod hid_sensor_custom_kobjtree || failed=1

# What the kernel's own driver gets right: the same, by the same tests.
modprobe -d "${MODULE_ROOT:-/}" hid_sensor_custom || failed=1
for TEST in attributes known calls samples hidraw; do
	export TEST
	"${BIN:-.}/uhid_sensor" hid_sensor_custom || failed=1
done

# The last one: a report of KASAN's switches lockdep off.
echo "kobjtree-expect: KASAN: slab-use-after-free in hid_sensor_custom_release" >/dev/kmsg
TEST=late_close "${BIN:-.}/uhid_sensor" hid_sensor_custom || failed=1
exit $failed
