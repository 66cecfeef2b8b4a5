#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Who unbinds a device: sysfs, the device that is pulled, rmmod of its driver;
# each with open files, and all at once.
#
# BIN: where the programs are. MODULE_ROOT: where modprobe finds the modules.

# shellcheck source-path=SCRIPTDIR source=tap.sh
. "${0%/*}/tap.sh"

node=/dev/kobjtree_test_bind
driver=/sys/bus/platform/drivers/kobjtree_test_bind

modprobe -a -d "${MODULE_ROOT:-/}" kobjtree_test_plug kobjtree_test_bind || exit 1

"${BIN:-.}/bind_storm" || failed=1

echo "TAP version 13"
echo "1..8"

[ -e "$driver/kobjtree_test_bind" ]
ok $? "the device is bound"
exec 3<>"$node"
ok $? "a file is open"
! rmmod kobjtree_test_bind 2>/dev/null
ok $? "an open file keeps the driver's module"
echo 0 >/sys/module/kobjtree_test_plug/parameters/plug
[ ! -e "$driver/kobjtree_test_bind" ] && [ ! -e "$node" ]
ok $? "the device is pulled under it"
! rmmod kobjtree_test_bind 2>/dev/null
ok $? "the file keeps the module, too, when the device has gone"
exec 3>&-

echo 1 >/sys/module/kobjtree_test_plug/parameters/plug
[ -e "$driver/kobjtree_test_bind" ]
ok $? "a new device is bound"
rmmod kobjtree_test_bind
ok $? "the module of a bound driver is unloaded"
[ ! -e /sys/module/kobjtree_test_bind ] && [ ! -e "$node" ] &&
	[ -e /sys/bus/platform/devices/kobjtree_test_bind ]
ok $? "the device stays, without a driver"

rmmod kobjtree_test_plug || failed=1
exit $failed
