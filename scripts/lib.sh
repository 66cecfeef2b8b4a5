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
	shellcheck spin trace-cmd v4l-utils xz-utils
)

# find_missing PACKAGE...: sets $missing
find_missing() {
	local have p

	missing=()
	have=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null) || true
	for p; do grep -qx "installed $p" <<<"$have" || missing+=("$p"); done
}

need_packages() {
	local missing

	command -v dpkg-query >/dev/null || return 0	# not Debian: the build will tell
	find_missing "${packages[@]}"
	[ ${#missing[@]} -gt 0 ] || return 0
	[ "$(id -u)" = 0 ] ||
		die "missing packages; as root: apt-get install ${missing[*]}"
	say "installing ${missing[*]}"
	{ apt-get -qq update && DEBIAN_FRONTEND=noninteractive \
		apt-get -qq -y --no-install-recommends install "${missing[@]}"
	} >&2 || die "cannot install ${missing[*]}: is the package mirror reachable?"
}

# want_packages PACKAGE...: what only some scripts need
want_packages() {
	local missing

	command -v dpkg-query >/dev/null || die "this needs Debian, or a distribution made from it"
	find_missing "$@"
	[ ${#missing[@]} -eq 0 ] || die "missing packages; as root: apt-get install ${missing[*]}"
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
short() { echo "$*" | sha256sum | cut -c1-8; }

# kernel_flags KDIR: what its modules are compiled with, too
kernel_flags() {
	[ ! -s "$1/barriers.h" ] || export KCFLAGS="-include $1/barriers.h"
}

# build_modules SRC KDIR [VARIANT]: out of tree, and out of SRC, which stays
# clean; sets $out, where modules.order lists what was built and which is ours
# until we exit
build_modules() {
	local uml

	uml=$(grep -s '^CONFIG_UML=y' "$2/.config" || true)
	out=modules-${1##*/}-$(short "$1")-${2##*/}${3:+-$3}
	lock "$out"
	out=$cache/$out
	mkdir -p "$out"
	kernel_flags "$2"
	if grep -qs '(origin MO)' "$2/source/Makefile"; then
		make -s -C "$2" ${uml:+ARCH=um} M="$1" MO="$out" -j"$(nproc)" >&2
	else	# before 6.13: a mirror of links
		find "$out" -xtype l -delete
		find "$out" -name Kbuild -delete
		cp -rsfT "$1" "$out"
		make -s -C "$2" ${uml:+ARCH=um} M="$out" -j"$(nproc)" >&2
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

# convert FILE PATCH: in place, by a semantic patch and the sed script beside it, if
# there is one
convert() {
	rm -f "$1.new"
	spatch --very-quiet --sp-file "$2" -o "$1.new" "$1" &>/dev/null
	[ -s "$1.new" ] || die "${2##*/} does not apply to $1"
	[ ! -f "${2%.cocci}.sed" ] || sed -i -f "${2%.cocci}.sed" "$1.new"
	! cmp -s "$1" "$1.new" || die "${2##*/} changes nothing in $1"
	mv "$1.new" "$1"
}

# media_sources SOURCE DIR: the media cores of the kernel as scripts/convert/media
# makes them, their test drivers as they are and as scripts/convert/drivers makes
# them, and what of ours sits on them
media_sources() {
	local rules=$top/scripts/convert patch file driver

	mkdir -p "$2"/{include,glue,samples}
	cp -r "$1/include/media" "$2/include/"
	cp -r "$1"/drivers/media/{mc,v4l2-core,common,test-drivers} "$2/"
	for patch in "$rules"/media/*.cocci; do
		file=$(sed -n 's,^// Applies to: ,,p' "$patch")
		convert "$2/${file#drivers/media/}" "$patch"
	done
	cp "$rules"/media/media-*.h "$2/mc/"
	cp "$rules"/media/v4l2-*.h "$2/v4l2-core/"
	for patch in "$rules"/media/drivers/*.cocci; do
		[ -f "$patch" ] || continue
		driver=$(basename "$patch" .cocci)
		cp -r "$2/test-drivers/$driver" "$2/${driver}_kobjtree"
		while read -r file; do
			convert "$2/${driver}_kobjtree/$file" "$patch"
		done < <(sed -n 's,^// Applies to: ,,p' "$patch")
		sed -i "s/\b$driver\(\.o\|-y\|-objs\)/${driver}_kobjtree\1/" \
			"$2/${driver}_kobjtree/Makefile"
		drivers+=" ${driver}_kobjtree/"
	done
	cp "$top"/objtree/video*.[ch] "$2/glue/"
	cp "$top"/samples/{capture,m2m}_*.c \
		"$top/selftests/modules/kobjtree_test_subdev.c" "$2/samples/"
}

# What make reads; the NOSTDINC_FLAGS come first of all.
media_kbuild() {
	cat >"$2/Kbuild" <<-EOF
		NOSTDINC_FLAGS += -I$1/include
		subdir-ccflags-y := -Werror -I$top/include
		obj-m := mc/ v4l2-core/ common/videobuf2/ common/v4l2-tpg/
		obj-m += test-drivers/vivid/ test-drivers/vimc/ vim2m/ glue/ samples/$drivers
	EOF
	mkdir -p "$2/vim2m"
	mv "$2/test-drivers/vim2m.c" "$2/vim2m/"
	cp "$out/converted/vim2m_kobjtree.c" "$2/vim2m/"
	echo "obj-m := vim2m.o vim2m_kobjtree.o" >"$2/vim2m/Kbuild"
	cat >"$2/glue/Kbuild" <<-EOF
		ccflags-y := -include $top/objtree/compat.h
		obj-m := kobjtree_video.o
		kobjtree_video-y := video.o video_ioctl.o video_vb2.o video_m2m.o
	EOF
	{
		echo "ccflags-y := -include $top/objtree/compat.h"
		(cd "$2/samples" && printf 'obj-m += %s\n' *.c) | sed 's/c$/o/'
	} >"$2/samples/Kbuild"
}

# convert_media KDIR: all that, built against the converted headers; as a module root
# in $media_root, where it takes the place of the kernel's. After module_root.
convert_media() {
	local src=$1/source tree=$out/media release key file drivers=

	media_root=$out/media-root
	release=$(cat "$1/include/config/kernel.release")
	key=$({ echo "$src"; declare -f convert convert_media media_sources media_kbuild
		find "$top"/scripts/convert "$top"/objtree/video* "$top"/samples/*.c \
			"$top"/selftests/modules/*_subdev.c -type f -exec cat {} +
		cat "$src/.debian-version" 2>/dev/null; } | sha256sum)
	if [ "$(cat "$tree/key" 2>/dev/null)" != "$key" ]; then
		say "converting the media cores"
		rm -rf "$tree.new"
		media_sources "$src" "$tree.new"
		media_kbuild "$tree" "$tree.new"
		# make looks at the time
		while read -r file; do
			cmp -s "$tree.new/$file" "$tree/$file" ||
				install -m 644 -D "$tree.new/$file" "$tree/$file"
		done < <(cd "$tree.new" && find . -type f)
		rm -rf "$tree.new"
		echo "$key" >"$tree/key"
	fi
	make -s -C "$1" ARCH=um M="$tree" KBUILD_EXTRA_SYMBOLS="$out/Module.symvers" \
		-j"$(nproc)" >&2 || die "building the converted media cores for ${1##*/} failed"
	rm -rf "$media_root"
	cp -rl "$root" "$media_root"
	sed "s,^,$tree/,; s/\.o\$/.ko/" "$tree/modules.order" |
		xargs -d '\n' ln -sf -t "$media_root/lib/modules/$release/updates"
	depmod -b "$media_root" "$release"
}

# module_root KDIR: what modprobe -d wants, the kernel's modules and ours; the core is
# in $modules_in, if not in objtree
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
	names() { grep "^${modules_in-objtree}/$1[^/]*$" <<<"$order" | sed 's,.*/,,; s/\.ko$//'; }
	names kobjtree >"$root/modules"
	names tests/ >"$root/tests" || true
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
	make -s -C "$top/selftests" OUTPUT="$BIN" TEST_GEN_MODS_DIR= KSFT="$ksft" >&2 ||
		die "building selftests failed"
	# the kernel's own, for media_loops.sh
	[ ! -d "$ksft/media_tests" ] ||
		make -s -C "$ksft/media_tests" OUTPUT="$BIN/media_tests" >&2 ||
		die "building the kernel's selftests/media_tests failed"
	mapfile -t scripts < <(find "$top/selftests" -maxdepth 1 -name '*.sh' -executable | sort)
}

# judge SOURCE LOG: what scripts/judge.py says of it, and the line that adds it up
judge() {
	local verdict failed rc=0

	verdict=$("$top/scripts/judge.py" --ksrc "$1" --tests "$2") || rc=$?
	echo "$verdict"
	[[ $verdict =~ ([0-9]+)\ passed,\ ([0-9]+)\ failed[^$'\n']*$ ]] || die "no verdict"
	failed=${BASH_REMATCH[2]}
	# a splat belongs to no test, but is a failure
	[ $rc -eq 0 ] || [ "$failed" -gt 0 ] || failed=1
	echo "${BASH_REMATCH[1]} passed, $failed failed"
	return $rc
}
