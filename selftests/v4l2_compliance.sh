#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# What v4l2-compliance says of our drivers beside those of the kernel, test by test.
#
# On the kernel's media cores: of the samples, no failure that vivid and vim2m do not
# have. On those that scripts/convert makes: of vivid, vim2m and vimc as they are and
# converted, the same results.
#
# MODULE_ROOT: where modprobe finds the modules. SAYS: a long run, with all formats, and
# a folder where what was said of each driver is left.

# $formats is an option, or none.
# shellcheck disable=SC2086
# shellcheck source-path=SCRIPTDIR source=compliance.sh
. "${0%/*}/compliance.sh"

command -v v4l2-compliance >/dev/null || skip_all "no v4l2-compliance"
modprobe -n -d "${MODULE_ROOT:-/}" vivid 2>/dev/null ||
	skip_all "no vivid in this kernel"

# The second one is a camera, as the sample is. Without its scaler it has no frames of
# hundreds of megabytes.
vivid="n_devs=2 node_types=0xe1d3d,1 num_inputs=4,1 input_types=0xe4,3 ccs_cap_mode=-1,3"
camera="vivid-001-vid-cap"
formats=${SAYS:+-f2}

# load DRIVER...
load() {
	for driver; do
		parameters=
		[ "${driver%_kobjtree}" != vivid ] || parameters=$vivid
		modprobe -d "${MODULE_ROOT:-/}" "$driver" $parameters || failed=1
	done
}

# said NAME SAYS
said() {
	totals "$1" "$2"
	[ -z "${SAYS-}" ] || echo "$2" >"$SAYS/$1"
	[ "$(total "$2" OK)" -gt 20 ] && echo "$2" | tail -n 1 | grep -q ^Total
	ok $? "v4l2-compliance has looked at all of $1"
}

# beside OURS SAYS THEIRS SAYS
beside() {
	said "$3" "$4"
	said "$1" "$2"
	echo "# test | $3 | $1"
	table "$4" "$2"
	only=$(only_in "$2" "$4")
	[ -z "$only" ] || echo "# in $1 alone: $only"
	[ -z "$only" ]
	ok $? "$1 fails in nothing but what $3 fails in"
}

# same NAME SAYS OTHER SAYS
same() {
	said "$1" "$2"
	said "$3" "$4"
	echo "# test | $1 | $3"
	table "$2" "$4"
	[ "$(results "$2")" = "$(results "$4")" ]
	ok $? "it says the same of $1 and $3"
}

load vivid
if grep -q media_request_objects_mutex /proc/kallsyms; then
	load vim2m vimc vivid_kobjtree vim2m_kobjtree vimc_kobjtree capture_devm
	echo "TAP version 13"
	echo "1..13"
	for driver in vivid vim2m vimc; do
		same "$driver" "$(whole_compliance "$driver.0")" "${driver}_kobjtree" \
			"$(whole_compliance "${driver}_kobjtree.0")"
	done
	same camera "$(compliance vivid.0 $camera $formats)" \
		camera_kobjtree "$(compliance vivid_kobjtree.0 $camera $formats)"
	said capture_devm "$(whole_compliance capture_devm)"
	exit $failed
fi

# Vivid copies to user space under the lock of its controls; and all drivers have one
# class of the lock under which a file subscribes to an event, in ours in a section.
# Lockdep takes that for a circle, and says no more in this boot.
echo "kobjtree-may: possible circular locking dependency" >/dev/kmsg
load vim2m capture_kobjtree m2m_kobjtree
echo "TAP version 13"
echo "1..$((${SAYS:+4} + 6))"
beside capture_kobjtree "$(compliance capture_kobjtree . $formats)" \
	camera "$(compliance vivid.0 $camera $formats)"
beside m2m_kobjtree "$(compliance m2m_kobjtree . $formats)" \
	vim2m-formats "$(compliance vim2m.0 . $formats)"
if [ -n "${SAYS-}" ]; then
	load vimc capture_devm
	for driver in vivid vim2m vimc; do
		said "$driver" "$(whole_compliance "$driver.0")"
	done
	said capture_devm "$(whole_compliance capture_devm)"
fi
for driver in capture_kobjtree m2m_kobjtree; do
	rmmod $driver || failed=1
done
exit $failed
