#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Character devices: unbind under their users. And sessions that outlive their
# file, and hold up the unload of their module.
#
# BIN: where the programs are. MODULE_ROOT: where modprobe finds the modules.

failed=0
modprobe -a -d "${MODULE_ROOT:-/}" \
	sensor_kobjtree pair_kobjtree session_kobjtree kobjtree_test_chrdev ||
	exit 1

"${BIN:-.}/chrdev_unbind" sensor_kobjtree || failed=1
"${BIN:-.}/chrdev_ops" kobjtree_test_chrdev || failed=1
"${BIN:-.}/chrdev_ops" kobjtree_test_chrdev .misc || failed=1
# At once, for once: late is also too late to see who looks at memory too late.
delay=/sys/module/kobjtree/parameters/delay_release_ms
[ ! -e $delay ] || echo 0 >$delay
"${BIN:-.}/pair_unbind" pair_kobjtree || failed=1
"${BIN:-.}/session_end" session_kobjtree || failed=1

rmmod sensor_kobjtree pair_kobjtree kobjtree_test_chrdev sensor_sim || failed=1
exit $failed
