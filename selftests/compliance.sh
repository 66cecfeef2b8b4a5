# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# For scripts that ask v4l2-compliance; sourced, not run.

# shellcheck source-path=SCRIPTDIR source=tap.sh
. "${0%/*}/tap.sh"

# skip NAME
skip() {
	nr=$((nr + 1))
	echo "ok $nr - $1 # SKIP no v4l2-compliance"
}

# ask NODE: what v4l2-compliance has to say, without the node's name
ask() {
	timeout 120 v4l2-compliance -d "$1" -s5 2>&1 |
		sed -n "s,$1,the node,
			s/^.*\(test .*: .*\)/\1/p
			s/^.*fail: /fail: /p"
}

# compliance DEVICE: the same of all its nodes
compliance() {
	echo "# asking v4l2-compliance about $1" >&2
	for node in "/sys/bus/platform/devices/$1/video4linux/"video*; do
		ask "/dev/${node##*/}"
	done
}

# total SAYS RESULT: how many tests had it
total() { echo "$1" | grep -c "^test .*: $2"; }

# totals NAME SAYS
totals() { echo "# $1: $(total "$2" OK) OK, $(total "$2" FAIL) failed"; }

# table SAYS...: test by test, a column for each; a test may come twice
table() {
	for says; do
		echo "$says" | sed -n 's/^test //p'
		echo
	done | awk '
	/^$/ { columns++; split("", seen); next }
	{
		result = $0
		sub(/: [^:]*$/, "")
		sub(/.*: /, "", result)
		key = $0 " (" ++seen[$0] ")"
		if (!(key in known)) { known[key] = 1; name[++n] = key }
		cell[key, columns + 0] = result
	}
	END {
		for (i = 1; i <= n; i++) {
			line = ""
			for (c = 0; c < columns; c++)
				line = line " | " cell[name[i], c]
			print "# " name[i] line
		}
	}'
}
