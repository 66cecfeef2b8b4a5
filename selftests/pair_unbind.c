// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unbind a driver with two device nodes in one allocation, and close the files
 * in each order.
 *
 * Usage: pair_unbind DRIVER
 *
 * DRIVER is a platform driver as samples/pair_kobjtree.c: one device of the same
 * name, and device nodes DRIVER.left and DRIVER.right.
 */
#define _GNU_SOURCE
#include <linux/types.h>

#include "unbind.h"

struct node {
	const char *suffix;
	int fd;
};

/* Reads while the device is bound, and -ENODEV afterwards. */
static bool read_is_right(struct node *node, bool gone)
{
	__u32 val;
	int ret;

	if (node->fd < 0)
		return true;
	ret = read(node->fd, &val, sizeof(val));
	if (gone ? ret == -1 && errno == ENODEV : ret == sizeof(val))
		return true;
	return fail("read of %s: %d, %s", node->suffix, ret, strerror(errno));
}

/* @order: "l" closes left, "r" closes right, "u" unbinds. */
static bool closing_order(const char *order)
{
	struct node left = { .suffix = ".left" }, right = { .suffix = ".right" };
	bool ok, gone = false;

	ok = CHECK(do_bind());
	left.fd = open_node(left.suffix, 0);
	right.fd = open_node(right.suffix, 0);
	ok &= CHECK(left.fd >= 0) && CHECK(right.fd >= 0);
	for (; *order; order++) {
		switch (*order) {
		case 'l':
			close(left.fd);
			left.fd = -1;
			break;
		case 'r':
			close(right.fd);
			right.fd = -1;
			break;
		case 'u':
			ok &= CHECK(do_unbind());
			gone = true;
			break;
		}
		ok &= read_is_right(&left, gone);
		ok &= read_is_right(&right, gone);
	}
	return ok;
}

#define ORDER(order) \
	static bool test_##order(void) { return closing_order(#order); }

ORDER(ulr)
ORDER(url)
ORDER(lur)
ORDER(rul)
ORDER(lru)
ORDER(rlu)

static const struct test tests[] = {
	{ "s6_unbind_left_right", test_ulr },
	{ "s6_unbind_right_left", test_url },
	{ "s6_left_unbind_right", test_lur },
	{ "s6_right_unbind_left", test_rul },
	{ "s6_left_right_unbind", test_lru },
	{ "s6_right_left_unbind", test_rlu },
};

int main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr, "usage: %s DRIVER\n", argv[0]);
		return 4;
	}
	driver = argv[1];
	return run_tests(tests, ARRAY_SIZE(tests));
}
