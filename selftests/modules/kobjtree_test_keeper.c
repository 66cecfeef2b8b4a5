// SPDX-License-Identifier: GPL-2.0-only
/*
 * An object that other modules hang something on, and that lives until 1 is
 * written to /sys/module/kobjtree_test_keeper/parameters/drop.
 */
#undef pr_fmt
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kobjtree.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/printk.h>
#include <linux/slab.h>

#include "keeper.h"

struct keeper {
	struct kobjtree tree;
};

static struct keeper *keeper;

static void keeper_release(struct kobjtree *obj)
{
	pr_info("released\n");
}

DEFINE_KOBJTREE_TYPE(keeper_type, struct keeper, tree,
		     .release = keeper_release);

struct kobjtree *kobjtree_test_keeper(void)
{
	return &keeper->tree;
}
EXPORT_SYMBOL_GPL(kobjtree_test_keeper);

static void keeper_put(void)
{
	if (keeper)
		kobjtree_put(&keeper->tree);
	keeper = NULL;
}

/* Parameters of one module are set one at a time. */
static int drop_set(const char *val, const struct kernel_param *kp)
{
	keeper_put();
	return 0;
}

static const struct kernel_param_ops drop_ops = {
	.set = drop_set,
};

module_param_cb(drop, &drop_ops, NULL, 0200);
MODULE_PARM_DESC(drop, "drop the object");

static int __init keeper_init(void)
{
	keeper = kobjtree_alloc(struct keeper, tree, &keeper_type, GFP_KERNEL);
	return keeper ? 0 : -ENOMEM;
}
module_init(keeper_init);

static void __exit keeper_exit(void)
{
	keeper_put();
	kobjtree_owner_barrier();
}
module_exit(keeper_exit);

MODULE_DESCRIPTION("Object to hang things on, for a test of kobjtree");
MODULE_LICENSE("GPL");
