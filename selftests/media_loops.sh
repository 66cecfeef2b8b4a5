#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Usage: media_loops.sh [--camera]
#
# The loops of the kernel's selftests/media_tests, with its own programs, and those
# of v4l-utils' test-media, by v4l2-ctl, over drivers on kobjtree: a sample and what
# scripts/convert makes of the kernel's. Their verdict is the kernel's log and
# kmemleak, which whoever runs this judges.
#
#	- programs with the nodes open, and programs that open them all the time,
#	  while the driver is unbound and bound
#	- a node held open by one who sleeps, while the driver is unbound and bound
#	- unbind while v4l2-ctl streams
#	- unbind while it sleeps in DQBUF
#
# BIN: where the programs are. MODULE_ROOT: where modprobe finds the modules.
# STORM: a long run, with a look for leaks after each loop.
# --camera: those of a camera alone, the interface $INTF on USB.

# Loops are called by name, $queues and $pids are lists.
# shellcheck disable=SC2317,SC2086,SC2034,SC2217
# shellcheck source-path=SCRIPTDIR source=tap.sh
. "${0%/*}/tap.sh"

rounds=2
[ -z "${STORM-}" ] || rounds=20
tests=${BIN:-.}/media_tests

# The video node that the driver registered first: after an unbind it may have a
# higher number than the next.
video() {
	for path in "$device"/video4linux/video*; do
		[ "$(cat "$path/index")" != 0 ] || echo "/dev/${path##*/}"
	done
}

media() {
	for path in "$device"/media[0-9]*; do
		[ ! -e "$path" ] || echo "/dev/${path##*/}"
	done
}

rebind() {
	echo "${device##*/}" >"$driver/unbind" && echo "${device##*/}" >"$driver/bind"
}

# Each of the programs in $pids ends by itself, or when it is told.
end() {
	for pid in $pids; do
		kill "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	pids=
}

start() {
	"$@" >/dev/null 2>&1 &
	pids="$pids $!"
}

# What open_loop_test.sh does, which does not end.
open_loop() {
	while :; do "$tests/media_device_open" -d "$1"; done
}

# until_it COMMAND...: succeeds, within ten seconds
until_it() {
	for try in $(seq 100); do
		! "$@" 2>/dev/null || return 0
		sleep 0.1
	done
	return 1
}

# hold PROGRAM NODE: in the background
hold() {
	start "$1" -d "$2"
	until_it [ "/proc/${pids##* }/fd/3" -ef "$2" ]
}

held_open() {
	hold "$tests/video_device_test" "$(video)" || return 1
	[ -z "$(media)" ] || hold "$tests/media_device_test" "$(media)" || return 1
	for n in 0 1; do start open_loop "/dev/media$n"; done
	for round in $(seq "$rounds"); do rebind || return 1; done
}

sleeping_reader() {
	for round in $(seq "$rounds"); do
		exec 3<"$(video)" || return 1
		start sleep 60
		exec 3<&-
		rebind || return 1
		end
	done
}

ended() { ! kill -0 $pids; }

# The one process of $pids sleeps for a buffer.
in_dqbuf() { grep -q vb2_core_dqbuf "/proc/${pids# }/stack"; }

# v4l2-ctl streams when it has written a frame.
streaming() {
	for round in $(seq "$rounds"); do
		start v4l2-ctl -d "$(video)" $queues --stream-to="$TMPDIR/frames"
		until_it [ -s "$TMPDIR/frames" ] && rebind && until_it ended || return 1
		pids=
		rm "$TMPDIR/frames"
	done
}

# Nobody feeds the other queue, so that it sleeps; the unbind has to end it.
blocked() {
	for round in $(seq "$rounds"); do
		start v4l2-ctl -d "$(video)" --stream-mmap
		until_it in_dqbuf && rebind && until_it ended || return 1
		pids=
	done
}

leaks() {
	[ -n "${STORM-}" ] && [ -e /sys/kernel/debug/kmemleak ] || return 0
	echo scan >/sys/kernel/debug/kmemleak
	sleep 5.1
	echo scan >/sys/kernel/debug/kmemleak
	[ -z "$(cat /sys/kernel/debug/kmemleak)" ]
}

# loops BUS DRIVER DEVICE LOOP...
loops() {
	driver=/sys/bus/$1/drivers/$2
	device=/sys/bus/$1/devices/$3
	name=$2
	shift 3
	[ -e "$driver/${device##*/}" ] || echo "${device##*/}" >"$driver/bind"
	echo "TAP version 13"
	echo "1..$#"
	nr=0
	for loop; do
		$loop && leaks
		ok $? "$name.$loop"
		end
	done
}

pids=
queues=--stream-mmap
if [ "${1-}" = --camera ]; then
	loops usb uvcvideo_kobjtree "$INTF" held_open sleeping_reader streaming
	exit $failed
fi

load "no glue for video nodes of this kernel" capture_kobjtree m2m_kobjtree
command -v v4l2-ctl >/dev/null || skip_all "no v4l2-ctl"
loops platform capture_kobjtree capture_kobjtree held_open sleeping_reader streaming
queues="--stream-out-mmap --stream-mmap"
loops platform m2m_kobjtree m2m_kobjtree held_open sleeping_reader streaming blocked
if modprobe -d "${MODULE_ROOT:-/}" vim2m_kobjtree; then
	loops platform vim2m_kobjtree vim2m_kobjtree.0 \
		held_open sleeping_reader streaming blocked
fi
if modprobe -a -d "${MODULE_ROOT:-/}" dummy_hcd raw_gadget uvcvideo_kobjtree; then
	"${BIN:-.}/uvc_camera" uvcvideo_kobjtree "$0" --camera || failed=1
fi
for module in capture_kobjtree m2m_kobjtree vim2m_kobjtree uvcvideo_kobjtree; do
	[ ! -d "/sys/module/$module" ] || rmmod "$module" || failed=1
done
exit $failed
