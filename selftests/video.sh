#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Video nodes: unbind under their users, and nothing new to user space before.
#
# BIN: where video_unbind is. MODULE_ROOT: where modprobe finds the modules.

nr=0
failed=0

# ok STATUS NAME: a test passed if the status is 0
ok() {
	nr=$((nr + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $nr - $2"
	else
		echo "not ok $nr - $2"
		failed=1
	fi
}

# compliance DRIVER: what v4l2-compliance has to say, without the node's name
compliance() {
	for node in "/sys/bus/platform/devices/$1/video4linux/"video*; do
		v4l2-compliance -d "/dev/${node##*/}" -s5 2>&1 |
			sed -n "s,/dev/${node##*/},the node,
				s/^.*\(test .*: .*\)/\1/p
				s/^.*fail: /fail: /p"
	done
}

modprobe -a -d "${MODULE_ROOT:-/}" \
	capture_devm capture_kobjtree kobjtree_test_video ||
	{ echo "1..0 # SKIP no video devices in this kernel"; exit 4; }

for driver in capture_kobjtree kobjtree_test_video; do
	"${BIN:-.}/video_unbind" $driver 10 || failed=1
done

echo "TAP version 13"
echo "1..4"

echo capture_kobjtree >/sys/bus/platform/drivers/capture_kobjtree/bind
if command -v v4l2-compliance >/dev/null; then
	without=$(compliance capture_devm)
	with=$(compliance capture_kobjtree)
	[ "$(echo "$without" | grep -c ": OK")" -gt 20 ]
	ok $? "v4l2-compliance has looked at the usual driver"
	[ "$with" = "$without" ]
	ok $? "it says the same with kobjtree"
else
	for name in looked same; do
		nr=$((nr + 1))
		echo "ok $nr - $name # SKIP no v4l2-compliance"
	done
fi

rmmod capture_kobjtree
ok $? "rmmod of a driver that is bound"
rmmod kobjtree_test_video
ok $? "rmmod of a driver that is not"
# Not capture_devm: it frees a struct device that is not released yet.
exit $failed
