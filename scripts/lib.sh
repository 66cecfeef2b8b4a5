# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
# Shared by the scripts beside it; sourced, not run.

me=${0##*/}
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${KOBJTREE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kobjtree}

# the kernel's make is not a part of ours
unset MAKEFLAGS MFLAGS MAKELEVEL

say() { echo "$me: $*" >&2; }
die() { say "$*"; exit 1; }

# usage: the comment block at the top of the calling script
usage() { sed -n '3,/^$/{/^#/!q;s/^# \{0,1\}//;p}' "$0"; }

# The one list of what building and testing needs, as Debian calls it. Without
# libpython*.so, coccinelle leaves out all of a rule's Python and says nothing.
packages=(
	bc bison bubblewrap coccinelle cpio flex gcc git graphviz kmod
	libc6-dev libelf-dev libpython3-dev libssl-dev make perl python3 python3-sphinx python3-yaml
	shellcheck v4l-utils xz-utils
)

need_packages() {
	local missing=() have p

	command -v dpkg-query >/dev/null || return 0	# not Debian: the build will tell
	have=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${packages[@]}" 2>/dev/null) || true
	for p in "${packages[@]}"; do
		grep -qx "installed $p" <<<"$have" || missing+=("$p")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	[ "$(id -u)" = 0 ] ||
		die "missing packages; as root: apt-get install ${missing[*]}"
	say "installing ${missing[*]}"
	{ apt-get -qq update && DEBIAN_FRONTEND=noninteractive \
		apt-get -qq -y --no-install-recommends install "${missing[@]}"
	} >&2 || die "cannot install ${missing[*]}: is the package mirror reachable?"
}

# lock NAME: until this shell ends
lock() {
	local fd

	mkdir -p "$cache" 2>/dev/null || die "cannot write $cache; set KOBJTREE_CACHE"
	exec {fd}>"$cache/$1.lock"
	flock -n "$fd" && return
	say "waiting for another $1"
	flock "$fd"
}

need_disk() {	# MiB
	local free

	free=$(df -Pm "$cache" | awk 'NR == 2 { print $4 }')
	[ "$free" -ge "$1" ] ||
		die "$cache needs $1 MiB, has $free; free some or set KOBJTREE_CACHE"
}

# short TEXT: a name for it
short() { echo "$1" | sha256sum | cut -c1-8; }

# build_modules SRC KDIR [VARIANT]: out of tree, and out of SRC, which stays
# clean; sets $out, where modules.order lists what was built and which is ours
# until we exit
build_modules() {
	out=modules-${1##*/}-$(short "$1")-${2##*/}${3:+-$3}
	lock "$out"
	out=$cache/$out
	mkdir -p "$out"
	if grep -q '(origin MO)' "$2/source/Makefile"; then
		make -s -C "$2" ARCH=um M="$1" MO="$out" -j"$(nproc)" >&2
	else	# before 6.13: a mirror of links
		find "$out" -xtype l -delete
		find "$out" -name Kbuild -delete
		cp -rsfT "$1" "$out"
		make -s -C "$2" ARCH=um M="$out" -j"$(nproc)" >&2
	fi || die "building ${1##*/} for ${2##*/} failed"
}

# apply PATCH SOURCE RESULT: a semantic patch, and the sed script beside it if there
# is one
apply() {
	rm -f "$3"
	spatch --no-includes --very-quiet --sp-file "$1" -o "$3" "$2" &>/dev/null
	[ -s "$3" ] || die "${1##*/} does not apply to $2"
	[ ! -f "${1%.cocci}.sed" ] || sed -i -f "${1%.cocci}.sed" "$3"
}

# convert_driver PATCH TO FILE...: a driver of several files becomes a directory with
# all that are beside them
convert_driver() {
	local patch=$1 to=$2 file old new

	shift 2
	if [ $# -eq 1 ]; then
		apply "$patch" "$1" "$to.c"
		return
	fi
	rm -rf "$to"
	mkdir "$to"
	ln -s "${1%/*}"/*.[ch] "$to/"
	for file; do apply "$patch" "$file" "$to/${file##*/}"; done
	old=$(basename "$patch" .cocci) new=${to##*/}
	sed "s/\<$old\>/$new/" "${1%/*}/Makefile" >"$to/Kbuild"
}

# convert_drivers KDIR: the kernel's drivers that scripts/convert has a semantic
# patch for, and maybe a sed script for the rest, converted, as NAME_kobjtree.ko in
# $out/converted; after build_modules
convert_drivers() {
	local dir=$out/converted patch files name only key objects=

	mkdir -p "$dir"
	for patch in "$top"/scripts/convert/*.cocci; do
		only=$(sed -n 's,^// Only for: ,,p' "$patch")
		[ -z "$only" ] || grep -q "^${only//./\\.}\." "$1/include/config/kernel.release" ||
			continue
		mapfile -t files < <(sed -n "s,^// Applies to: ,$1/source/,p" "$patch")
		name=$(basename "$patch" .cocci | tr - _)_kobjtree
		key=$(cat "${patch%.cocci}".* "${files[@]}" | sha256sum) ||
			die "${patch##*/}: what it applies to is not there"
		if [ "$(cat "$dir/$name.key" 2>/dev/null)" != "$key" ]; then
			convert_driver "$patch" "$dir/$name" "${files[@]}"
			echo "$key" >"$dir/$name.key"
		fi
		if [ -d "$dir/$name" ]; then objects+=" $name/"; else objects+=" $name.o"; fi
	done
	cat >"$dir/Kbuild" <<-EOF
		subdir-ccflags-y := -Werror -I$top/include -include $top/objtree/compat.h
		obj-m :=$objects
	EOF
	make -s -C "$1" ARCH=um M="$dir" W=1 KBUILD_EXTRA_SYMBOLS="$out/Module.symvers" \
		-j"$(nproc)" >&2 || die "building the converted drivers for ${1##*/} failed"
}

# module_root KDIR: what modprobe -d wants, the kernel's modules and ours
module_root() {
	local release order

	release=$(cat "$1/include/config/kernel.release")
	root=$out/root
	order=$(sed "s,^$out/,,; s/\.o\$/.ko/" "$out/modules.order" | grep -v /seeded/) ||
		die "no module was built"
	if [ ! -d "$root/lib/modules/$release" ]; then
		mkdir -p "$root/lib/modules"
		cp -r "$1/root/lib/modules/$release" "$root/lib/modules/"
		rm -f "$root/lib/modules/$release/build"
	fi
	rm -rf "$root/lib/modules/$release/updates"
	mkdir "$root/lib/modules/$release/updates"
	(cd "$out" && xargs -d '\n' cp -t "$root/lib/modules/$release/updates" <<<"$order")
	[ ! -d "$out/converted" ] ||
		find "$out/converted" -name '*.ko' \
			-exec cp -t "$root/lib/modules/$release/updates" {} +
	depmod -b "$root" "$release"
	# those of samples/ and selftests/ are for programs to load
	names() { grep "^objtree/$1[^/]*$" <<<"$order" | sed 's,.*/,,; s/\.ko$//'; }
	names kobjtree >"$root/modules"
	names tests/ >"$root/tests"
}

# The scripts of selftests/ print TAP in the guest; they find there what its
# Makefile built in $BIN, and for modprobe -d the modules in $MODULE_ROOT.
# programs VERSION: sets $BIN and $scripts
programs() {
	local ksft

	BIN=$cache/selftests-$1-$(short "$top")
	export BIN
	scripts=()
	[ -f "$top/selftests/Makefile" ] || return 0
	ksft=$("$top/scripts/kernel" --kernel "$1" source)/tools/testing/selftests
	mkdir -p "$BIN/media_tests"
	make -s -C "$top/selftests" OUTPUT="$BIN" KSFT="$ksft" >&2 ||
		die "building selftests failed"
	# the kernel's own, for media_loops.sh
	[ ! -d "$ksft/media_tests" ] ||
		make -s -C "$ksft/media_tests" OUTPUT="$BIN/media_tests" >&2 ||
		die "building the kernel's selftests/media_tests failed"
	mapfile -t scripts < <(find "$top/selftests" -maxdepth 1 -name '*.sh' -executable | sort)
}
