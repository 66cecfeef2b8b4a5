# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh disable=SC2034
# For scripts that have results of their own; sourced, not run.

nr=0
failed=0

# skip_all WHY: end here, since this kernel cannot do it
skip_all() {
	name=${0##*/}
	echo "TAP version 13"
	echo "1..1"
	echo "ok 1 - ${name%.sh} # SKIP $1"
	exit 4
}

# load WHY MODULE...: end here if this kernel has not got them all; that one of them does
# not load is a failure
load() {
	why=$1
	shift
	modprobe -a -n -d "${MODULE_ROOT:-/}" "$@" 2>/dev/null || skip_all "$why"
	modprobe -a -d "${MODULE_ROOT:-/}" "$@" || exit 1
}

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
