// SPDX-License-Identifier: GPL-2.0-only
/*
 * The fast paths beside those of kref, for selftests/host/fastpath.py, which
 * compares their instructions. Built, never loaded.
 *
 * Invariant: in a kernel without lock debugging each pair is the same code, and a
 * holder is none.
 */
#include <linux/kernel.h>
#include <linux/kobjtree_holder.h>
#include <linux/module.h>

void fastpath_kobjtree_get(struct kobjtree *obj);
void fastpath_kref_get(struct kobjtree *obj);
bool fastpath_kobjtree_get_unless_zero(struct kobjtree *obj);
bool fastpath_kref_get_unless_zero(struct kobjtree *obj);
void fastpath_kobjtree_put(struct kobjtree *obj);
void fastpath_kref_put(struct kobjtree *obj);
void fastpath_kobjtree_put_async(struct kobjtree *obj);
void fastpath_kref_put_async(struct kobjtree *obj);
void fastpath_kobjtree_holder_get(struct kobjtree *obj);
void fastpath_kref_holder_get(struct kobjtree *obj);
void fastpath_kobjtree_holder_put(struct kobjtree *obj);
void fastpath_kref_holder_put(struct kobjtree *obj);

void fastpath_kobjtree_get(struct kobjtree *obj)
{
	kobjtree_get(obj);
}

void fastpath_kref_get(struct kobjtree *obj)
{
	kref_get(&obj->ref);
}

bool fastpath_kobjtree_get_unless_zero(struct kobjtree *obj)
{
	return kobjtree_get_unless_zero(obj);
}

bool fastpath_kref_get_unless_zero(struct kobjtree *obj)
{
	return kref_get_unless_zero(&obj->ref);
}

void fastpath_kobjtree_put(struct kobjtree *obj)
{
	kobjtree_put(obj);
}

void fastpath_kref_put(struct kobjtree *obj)
{
	might_sleep();
	kref_put(&obj->ref, kobjtree_last_put);
}

void fastpath_kobjtree_put_async(struct kobjtree *obj)
{
	kobjtree_put_async(obj);
}

void fastpath_kref_put_async(struct kobjtree *obj)
{
	kref_put(&obj->ref, kobjtree_last_put_async);
}

void fastpath_kobjtree_holder_get(struct kobjtree *obj)
{
	struct kobjtree_holder holder = {};

	kobjtree_holder_get(&holder, obj, "nobody");
}

void fastpath_kref_holder_get(struct kobjtree *obj)
{
	might_sleep();
	kref_get(&obj->ref);
}

void fastpath_kobjtree_holder_put(struct kobjtree *obj)
{
	struct kobjtree_holder holder = {};

	kobjtree_holder_put(&holder, obj);
}

void fastpath_kref_holder_put(struct kobjtree *obj)
{
	might_sleep();
	kref_put(&obj->ref, kobjtree_last_put);
}

MODULE_DESCRIPTION("Fast paths of kobjtree beside those of kref");
MODULE_LICENSE("GPL");
