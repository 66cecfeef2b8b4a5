#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The kernel's media cores as scripts/convert makes them: its test drivers as they
# are, and converted, unbound under requests, media device nodes and subdevice nodes.
#
# BIN: where media_unbind is. MODULE_ROOT: where modprobe finds the modules, the
# converted cores in place of the kernel's.

# shellcheck source-path=SCRIPTDIR source=compliance.sh
. "${0%/*}/compliance.sh"

modprobe -d "${MODULE_ROOT:-/}" mc
[ -e /sys/module/mc/holders/videodev ] || modprobe -d "${MODULE_ROOT:-/}" videodev
grep -q "media_request_objects_mutex" /proc/kallsyms ||
	skip_all "the media cores are the kernel's own"

parameters=

# tests DRIVER TEST...
# shellcheck disable=SC2086
tests() {
	driver=$1
	shift
	modprobe -d "${MODULE_ROOT:-/}" "$driver" $parameters || failed=1
	DEVICE=$driver
	[ -e "/sys/bus/platform/devices/$DEVICE" ] || DEVICE=$driver.0
	for TEST; do
		export DEVICE TEST
		"${BIN:-.}/media_unbind" "$driver" || failed=1
	done
	parameters=
}

requests="request_closed_last request_calls_fail request_of_another request_full"
media="media_calls_fail media_copies media_page_fault"
subdevs="subdev_calls_fail subdev_event subdev_poll"
payloads="subdev_copies subdev_get_page_fault subdev_set_page_fault"

# vim2m as it is completes the requests of a queue with controls that it has freed.
# shellcheck disable=SC2086
{
	parameters=node_types=1
	tests vivid request_closed_last request_full request_queued storm
	tests vim2m request_closed_last request_full
	tests vimc $subdevs storm
	tests kobjtree_test_subdev $subdevs $payloads

	parameters=node_types=1
	tests vivid_kobjtree $requests request_queued $media storm
	tests vim2m_kobjtree $requests request_queued $media storm
	tests vimc_kobjtree $media $subdevs storm
	tests capture_kobjtree $subdevs
}

drivers=$KDIR/source/drivers/media/test-drivers
converted=$MODULE_ROOT/../media
echo "TAP version 13"
echo "1..6"
for driver in vivid vimc; do
	"${0%/*}/../scripts/convert/lifetime-lines" "$drivers/$driver" \
		"$converted/${driver}_kobjtree" | sed 's/^/# /'
done
for driver in vivid_kobjtree vimc_kobjtree vim2m_kobjtree capture_kobjtree \
	kobjtree_test_subdev; do
	rmmod "$driver"
	ok $? "rmmod of $driver"
done

# No object of the cores is left: their exit waits for the last one.
for module in vivid vim2m vimc v4l2_tpg kobjtree_video v4l2_mem2mem v4l2_dv_timings \
	videobuf2_vmalloc videobuf2_dma_contig videobuf2_memops videobuf2_v4l2 \
	videobuf2_common videodev mc; do
	[ ! -e "/sys/module/$module" ] || rmmod "$module"
done
[ ! -e /sys/module/mc ]
ok $? "unload of the media cores"
exit $failed
