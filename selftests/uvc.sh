#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# USB cameras: the kernel's driver, and what scripts/convert makes of it. They are
# the same to user space, and safe to pull out.
#
# BIN: where uvc_camera is. MODULE_ROOT: where modprobe finds the modules.

# $NODE is set where the commands run.
# shellcheck disable=SC2016
# shellcheck source-path=SCRIPTDIR source=compliance.sh
. "${0%/*}/compliance.sh"

load "no emulated USB bus, or uvcvideo is not converted for this kernel" \
	dummy_hcd raw_gadget uvcvideo_kobjtree

# camera DRIVER: all of its tests; sets $says: how many bytes v4l2-ctl gets in ten
# frames, and what v4l2-compliance has to say
camera() {
	# A transfer that ends with the cable while STREAMON submits the next: uvcvideo
	# gives back the buffers as with errors, before it says that it has not started.
	[ -z "${STORM-}" ] || for _ in 1 2 3; do
		echo "kobjtree-may: at vb2_start_streaming" >/dev/kmsg
	done
	"${BIN:-.}/uvc_camera" "$1" || failed=1
	command -v v4l2-compliance >/dev/null || return
	says=$("${BIN:-.}/uvc_camera" "$1" sh -c '. "$0"
		v4l2-ctl -d "$NODE" --stream-mmap --stream-count=10 --stream-to=- \
			2>/dev/null | wc -c
		ask "$NODE"' "${0%/*}/compliance.sh")
}

camera uvcvideo_kobjtree
after=$says
rmmod uvcvideo_kobjtree || failed=1
modprobe -d "${MODULE_ROOT:-/}" uvcvideo || failed=1
camera uvcvideo
before=$says

echo "TAP version 13"
echo "1..3"
"${0%/*}/../scripts/convert/lifetime-lines" "$KDIR/source/drivers/media/usb/uvc" \
	"$MODULE_ROOT/../converted/uvcvideo_kobjtree" | sed 's/^/# /'
if command -v v4l2-compliance >/dev/null; then
	echo "# test | uvcvideo | converted"
	table "$before" "$after"
	totals uvcvideo "$before"
	totals converted "$after"
	[ "$(echo "$after" | head -n 1)" = 384000 ]
	ok $? "v4l2-ctl streams ten frames from the converted one"
	[ "$(total "$before" OK)" -gt 20 ]
	ok $? "v4l2-compliance has looked at the kernel's driver"
	[ "$after" = "$before" ]
	ok $? "it says the same of the converted one"
else
	skip frames
	skip looked
	skip same
fi
exit $failed
