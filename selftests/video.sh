#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Video nodes: unbind under their users, and nothing new to user space before.
#
# BIN: where video_unbind is. MODULE_ROOT: where modprobe finds the modules.

# shellcheck source-path=SCRIPTDIR source=compliance.sh
. "${0%/*}/compliance.sh"

load "no glue for video nodes of this kernel" \
	capture_devm capture_kref capture_kobjtree kobjtree_test_video

for driver in capture_kobjtree kobjtree_test_video; do
	"${BIN:-.}/video_unbind" $driver || failed=1
done

# By hand it is safe, too; but the core lets who sleeps in DQEVENT sleep on, and has a
# word of its own for who slept in DQBUF.
for TEST in late_calls poll_in epoll memory rebind storm; do
	TEST=$TEST "${BIN:-.}/video_unbind" capture_kref || failed=1
done

echo "TAP version 13"
echo "1..5"

[ -e /sys/bus/platform/drivers/capture_kref/capture_kref ] ||
	echo capture_kref >/sys/bus/platform/drivers/capture_kref/bind
echo capture_kobjtree >/sys/bus/platform/drivers/capture_kobjtree/bind
if command -v v4l2-compliance >/dev/null; then
	without=$(compliance capture_devm)
	hand=$(compliance capture_kref)
	with=$(compliance capture_kobjtree)
	[ "$(echo "$without" | grep -c ": OK")" -gt 20 ]
	ok $? "v4l2-compliance has looked at the usual driver"
	[ "$with" = "$without" ]
	ok $? "it says the same with kobjtree"
	[ "$hand" = "$without" ]
	ok $? "it says the same by hand"
else
	skip hand
	skip looked
	skip same
fi

rmmod capture_kobjtree
ok $? "rmmod of a driver that is bound"
rmmod kobjtree_test_video
ok $? "rmmod of a driver that is not"
# Not capture_devm, which frees a struct device that is not released yet, nor
# capture_kref, whose release may still be to come.
exit $failed
