// SPDX-License-Identifier: GPL-2.0-only
/*
 * An action of this module on an object of another module's type.
 */
#undef pr_fmt
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/kobjtree.h>
#include <linux/module.h>
#include <linux/printk.h>

#include "keeper.h"

static void action_called(void *data)
{
	msleep(500);
	pr_info("called\n");
}

static int __init action_init(void)
{
	return kobjtree_add_action(kobjtree_test_keeper(), action_called, NULL);
}
module_init(action_init);

static void __exit action_exit(void)
{
	kobjtree_owner_barrier();
}
module_exit(action_exit);

MODULE_DESCRIPTION("Action on another module's object, for a test of kobjtree");
MODULE_LICENSE("GPL");
