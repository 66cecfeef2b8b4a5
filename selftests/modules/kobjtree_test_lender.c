// SPDX-License-Identifier: GPL-2.0-only
/*
 * A plain object, with memory of its own, that outlives this module: another
 * module's object holds it.
 */
#include <linux/kobjtree.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "keeper.h"

struct lent {
	struct kobjtree tree;
};

static int __init lender_init(void)
{
	struct lent *lent = kobjtree_alloc(struct lent, tree, NULL, GFP_KERNEL);
	int ret = -ENOMEM;

	if (!lent)
		return -ENOMEM;
	if (kobjtree_kstrdup(&lent->tree, "lent", GFP_KERNEL))
		ret = kobjtree_link(kobjtree_test_keeper(), NULL, &lent->tree);
	kobjtree_put(&lent->tree);
	return ret;
}
module_init(lender_init);

static void __exit lender_exit(void)
{
	kobjtree_owner_barrier();
}
module_exit(lender_exit);

MODULE_DESCRIPTION("Plain object that outlives its module, for a test of kobjtree");
MODULE_LICENSE("GPL");
