#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# What scripts/convert/media is there for: the kernel's own media cores, and a request
# that is closed last.
#
# BIN: where media_unbind is. MODULE_ROOT: where modprobe finds the modules.

# shellcheck source-path=SCRIPTDIR source=tap.sh
. "${0%/*}/tap.sh"

[ -d "${MODULE_ROOT-}/../media-root" ] ||
	skip_all "the media cores are not converted for this kernel"
load "no vim2m in this kernel" vim2m

# Its device's operations, and its device's count. (Vivid does the same; its memory
# is so large that KASAN may miss it.)
echo "kobjtree-expect: use-after-free in media_request_release" >/dev/kmsg
echo "kobjtree-expect: use-after-free in media_request_release" >/dev/kmsg
TEST=request_closed_last DEVICE=vim2m.0 "${BIN:-.}/media_unbind" vim2m
