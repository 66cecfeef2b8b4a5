#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Memory-to-memory nodes: unbind under their users, and nothing new to user space
# before.
#
# BIN: where m2m_unbind is. MODULE_ROOT: where modprobe finds the modules.

# shellcheck source-path=SCRIPTDIR source=compliance.sh
. "${0%/*}/compliance.sh"

load "no glue for memory-to-memory nodes of this kernel" \
	m2m_devm m2m_kobjtree kobjtree_test_m2m

for driver in m2m_kobjtree kobjtree_test_m2m; do
	"${BIN:-.}/m2m_unbind" $driver || failed=1
done

echo "TAP version 13"
echo "1..4"

echo m2m_kobjtree >/sys/bus/platform/drivers/m2m_kobjtree/bind
if command -v v4l2-compliance >/dev/null; then
	without=$(compliance m2m_devm)
	with=$(compliance m2m_kobjtree)
	echo "# test | m2m_devm | m2m_kobjtree"
	table "$without" "$with"
	totals m2m_devm "$without"
	totals m2m_kobjtree "$with"
	[ "$(total "$without" OK)" -gt 20 ]
	ok $? "v4l2-compliance has looked at the usual driver"
	[ "$with" = "$without" ]
	ok $? "it says the same with kobjtree"
else
	skip looked
	skip same
fi

rmmod m2m_kobjtree
ok $? "rmmod of a driver that is bound"
rmmod kobjtree_test_m2m
ok $? "rmmod of a driver that is not"
# Not m2m_devm: it frees a struct device that is not released yet.
exit $failed
