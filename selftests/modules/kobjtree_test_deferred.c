// SPDX-License-Identifier: GPL-2.0-only
/*
 * An object whose deferred release still runs when the module is unloaded.
 */
#undef pr_fmt
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/kobjtree.h>
#include <linux/module.h>
#include <linux/printk.h>
#include <linux/slab.h>

struct deferred {
	struct kobjtree tree;
};

static void deferred_release(struct kobjtree *obj)
{
	msleep(3000);
	pr_info("released\n");
}

DEFINE_KOBJTREE_TYPE(deferred_type, struct deferred, tree,
		     .release = deferred_release);

static int __init deferred_init(void)
{
	struct deferred *deferred = kobjtree_alloc(struct deferred, tree,
						   &deferred_type, GFP_KERNEL);

	if (!deferred)
		return -ENOMEM;
	kobjtree_put_async(&deferred->tree);
	return 0;
}
module_init(deferred_init);

static void __exit deferred_exit(void)
{
	kobjtree_owner_barrier();
}
module_exit(deferred_exit);

MODULE_DESCRIPTION("Deferred release at module unload, for a test of kobjtree");
MODULE_LICENSE("GPL");
