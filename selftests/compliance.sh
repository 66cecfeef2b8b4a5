# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# For scripts that ask v4l2-compliance; sourced, not run.

# Names in sysfs have no blanks.
# shellcheck disable=SC2012,SC2045
# shellcheck source-path=SCRIPTDIR source=tap.sh
. "${0%/*}/tap.sh"

# skip NAME
skip() {
	nr=$((nr + 1))
	echo "ok $nr - $1 # SKIP no v4l2-compliance"
}

# ask NODE [OPTION...]: what v4l2-compliance has to say, without the node's name; a
# format that it streams is a test, too
ask() {
	node=$1
	shift
	case ${node##*/} in
	vbi*) kind=-V ;;
	radio*) kind=-r ;;
	swradio*) kind=-S ;;
	v4l-touch*) kind=-t ;;
	v4l-subdev*) kind=-u ;;
	media*) kind=-M ;;
	*) kind=-d ;;
	esac
	timeout 900 v4l2-compliance $kind "$node" -s5 "$@" 2>&1 | tr '\r' '\n' |
		sed -n "s,$node,the node,
			s/ *$//
			s/^.*fail: /fail: /p
			s/^Total for .*: \([0-9]*, Succeeded: .*, Failed: .*\), Warn.*/Total: \1/p
			/test MMAP for Format .*:$/ { s/^.*test //; s/:$//; h }
			/Field .*: [A-Z]/ { s/^[[:space:]]*//; H; x; s/\n/, /; s/^/test /p
				s/, Crop.*//; s/^test //; h }
			s/^.*\(test .*: .*\)/\1/p"
}

# compliance DEVICE [NAME [OPTION...]]: the same of all its video nodes, or of those
# with such a name
compliance() {
	device=$1
	name=${2-}
	[ $# -lt 2 ] || shift
	shift
	echo "# asking v4l2-compliance about $device" >&2
	for path in $(ls -dv "/sys/bus/platform/devices/$device/video4linux/"video*); do
		! grep -q "$name" "$path/name" || ask "/dev/${path##*/}" "$@"
	done
}

# whole_compliance DEVICE: of all that it has
whole_compliance() {
	echo "# asking v4l2-compliance about all of $1" >&2
	for path in $(ls -dv "/sys/bus/platform/devices/$1"/video4linux/* \
		"/sys/bus/platform/devices/$1"/media[0-9]* 2>/dev/null); do
		ask "/dev/${path##*/}"
	done
}

# total SAYS RESULT: how many tests had it
total() { echo "$1" | grep -c "^test .*: $2"; }

# totals NAME SAYS
totals() { echo "# $1: $(total "$2" OK) OK, $(total "$2" FAIL) failed"; }

# only_in SAYS OTHER: the tests that fail in the one alone, whatever the format
only_in() {
	echo "$1" | sed -n 's/, Frame Size.*: FAIL/: FAIL/; s/ for Format [^:]*//
		s/^test \(.*\): FAIL.*/\1/p' | sort -u | while read -r name; do
		echo "$2" | grep -F "test $name" | grep -q FAIL || echo "$name"
	done
}

# results SAYS: without what it says of a failure, which may be more or less
results() { echo "$1" | grep -v "^fail: "; }

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
