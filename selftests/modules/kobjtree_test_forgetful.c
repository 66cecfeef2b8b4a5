// SPDX-License-Identifier: GPL-2.0-only
/*
 * The wrong way: an object whose deferred release still runs when the module
 * is unloaded, and a module exit that does not wait for it.
 */
#undef pr_fmt
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/kobjtree.h>
#include <linux/module.h>
#include <linux/printk.h>
#include <linux/slab.h>

struct forgetful {
	struct kobjtree tree;
};

static void forgetful_release(struct kobjtree *obj)
{
	msleep(3000);
	pr_info("released\n");
}

DEFINE_KOBJTREE_TYPE(forgetful_type, struct forgetful, tree,
		     .release = forgetful_release);

static int __init forgetful_init(void)
{
	struct forgetful *forgetful = kobjtree_alloc(struct forgetful, tree,
						     &forgetful_type,
						     GFP_KERNEL);

	if (!forgetful)
		return -ENOMEM;
	kobjtree_put_async(&forgetful->tree);
	return 0;
}
module_init(forgetful_init);

static void __exit forgetful_exit(void)
{
}
module_exit(forgetful_exit);

MODULE_DESCRIPTION("Module exit without the barrier, for a test of kobjtree");
MODULE_LICENSE("GPL");
