#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# A character device under all that eight processes can do to it, while it is
# bound and unbound.
#
# BIN: where the programs are. MODULE_ROOT: where modprobe finds the modules.

modprobe -d "${MODULE_ROOT:-/}" kobjtree_test_chrdev || exit 1
exec "${BIN:-.}/chrdev_storm" kobjtree_test_chrdev
