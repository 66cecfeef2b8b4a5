#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The kernel's vim2m, as it is and as scripts/convert makes it: the same to user
# space, and safe to unbind.
#
# BIN: where m2m_unbind is. MODULE_ROOT: where modprobe finds the modules.

# shellcheck source-path=SCRIPTDIR source=compliance.sh
. "${0%/*}/compliance.sh"

load "no vim2m in this kernel" vim2m
load "vim2m is not converted for this kernel" vim2m_kobjtree

# 0x00980914: V4L2_CID_HFLIP
DEVICE=vim2m_kobjtree.0 CTRL=0x00980914 \
	"${BIN:-.}/m2m_unbind" vim2m_kobjtree || failed=1

echo "TAP version 13"
echo "1..3"
"${0%/*}/../scripts/convert/lifetime-lines" \
	"$KDIR/source/drivers/media/test-drivers/vim2m.c" \
	"$MODULE_ROOT/../converted/vim2m_kobjtree.c" | sed 's/^/# /'

echo vim2m_kobjtree.0 >/sys/bus/platform/drivers/vim2m_kobjtree/bind
if command -v v4l2-compliance >/dev/null; then
	before=$(compliance vim2m.0)
	after=$(compliance vim2m_kobjtree.0)
	echo "# test | vim2m | converted"
	table "$before" "$after"
	totals vim2m "$before"
	totals converted "$after"
	[ "$(total "$before" OK)" -gt 20 ]
	ok $? "v4l2-compliance has looked at the kernel's driver"
	[ "$after" = "$before" ]
	ok $? "it says the same of the converted one"
else
	skip looked
	skip same
fi

rmmod vim2m_kobjtree
ok $? "rmmod of the converted driver"
exit $failed
