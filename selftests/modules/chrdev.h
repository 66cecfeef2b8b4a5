/* SPDX-License-Identifier: GPL-2.0-only */
/* The commands of kobjtree_test_chrdev. */
#ifndef _SELFTESTS_KOBJTREE_CHRDEV_H
#define _SELFTESTS_KOBJTREE_CHRDEV_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* The device has so many pages; at TEST_PFNS, they are mapped by their number. */
#define TEST_PAGES	4
#define TEST_PFNS	16

struct test_flip {
	__u8 bytes[300];
};

/* Sleep in a section until the parameter "hold" is 0, deaf to a removal. */
#define TEST_HOLD	_IO('k', 1)
/* The same, and then for something that never comes, as a section should. */
#define TEST_HOLD_WAIT	_IO('k', 2)
/* Sleep freezably, for ever; on the raw node, in no section. */
#define TEST_FREEZABLE	_IO('k', 6)
/* Invert all bits. */
#define TEST_FLIP	_IOWR('k', 3, struct test_flip)
/* Double the argument; as a 32-bit program has it, it is half as large. */
#define TEST_DOUBLE	_IOWR('k', 4, __u64)
#define TEST_DOUBLE_32	_IOWR('k', 4, __u32)
/* To the raw node: send a command to a file as a 32-bit program would. */
struct test_compat {
	__s32 fd;
	__u32 cmd;
	__u64 arg;
};

#define TEST_COMPAT	_IOW('k', 5, struct test_compat)

#endif /* _SELFTESTS_KOBJTREE_CHRDEV_H */
