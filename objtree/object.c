// SPDX-License-Identifier: GPL-2.0-only
/*
 * Objects: how they come into being, and the table of their locks.
 *
 * Invariant: before anyone else can see an object it has one reference, its
 * type and its owner; from then on the count alone decides whether it lives.
 *
 *   kobjtree_init()        last put           step 6 of the teardown
 *        -> alive (count > 0) -> dead (count 0) -> memory gone
 */
#include <linux/module.h>
#include <linux/slab.h>

#define CREATE_TRACE_POINTS
#include <trace/events/kobjtree.h>

#include "internal.h"

struct kobjtree_bucket kobjtree_buckets[1 << KOBJTREE_BUCKET_BITS];

/* Plain objects: nothing to undo, and nothing of the driver's is needed. */
static const struct kobjtree_type kobjtree_plain = {
	.name = "plain",
	.owner = &__kobjtree_owner,
};

static void kobjtree_keep(struct kobjtree *obj)
{
}

/* What an init without a type leaves: its memory is nobody's to free. */
static const struct kobjtree_type kobjtree_untyped = {
	.name = "untyped",
	.owner = &__kobjtree_owner,
	.free = kobjtree_keep,
};

static bool kobjtree_setup(struct kobjtree *obj,
			   const struct kobjtree_type *type, u16 offset,
			   struct kobjtree *container, const char *name,
			   size_t size)
{
	const struct kobjtree_type *use = type && type->owner ? type :
							&kobjtree_untyped;

	if (!kobjtree_debug_init(obj))
		return false;
	kobjtree_owner_get(use->owner);
	obj->flags = container ? KOBJTREE_MEMBER : 0;
	obj->visited = 0;
	obj->offset = offset;
	obj->type = use;
	obj->link = NULL;
	obj->head = 0;
	obj->slot = container;
	kref_init(&obj->ref);
	kobjtree_remember(obj, name ?: use->name, size);
	trace_kobjtree_init(obj);
	if (use->cyclic)
		kobjtree_cyclic_add(obj);
	if (use != type)
		kobjtree_misuse(obj, "init without a type");
	return true;
}

/**
 * kobjtree_init() - initialise an object in the caller's memory
 * @obj: the object
 * @type: its type
 *
 * From here on kobjtree_put() is the only way to end it, also where a later
 * step of its set-up fails; the memory is the core's to free by @type.
 *
 * Context: that of the memory; any.
 */
void kobjtree_init(struct kobjtree *obj, const struct kobjtree_type *type)
{
	kobjtree_setup(obj, type, type ? type->offset : 0, NULL, NULL,
		       type ? type->size : 0);
}
EXPORT_SYMBOL_GPL(kobjtree_init);

/**
 * kobjtree_init_member() - initialise an object inside another one's memory
 * @obj: the object
 * @type: its type, or NULL if there is nothing to undo
 * @container: the object whose memory @obj lives in
 *
 * Takes a reference to @container, the caller keeps its own. It is dropped as
 * the very last act of @obj's teardown, in place of freeing.
 *
 * Context: any; the caller holds a reference to @container.
 */
void kobjtree_init_member(struct kobjtree *obj,
			  const struct kobjtree_type *type,
			  struct kobjtree *container)
{
	if (!kobjtree_setup(obj, type ?: &kobjtree_plain, 0, container, NULL, 0))
		return;
	if (kobjtree_is_cyclic(container))
		kobjtree_misuse(obj, "member of a cyclic object");
	kobjtree_get(container);
	kobjtree_note_add(&obj->slot, 0);
	kobjtree_graph_held(container, 1);
	kobjtree_mark_held(container);
	trace_kobjtree_link(obj, container);
	kobjtree_lockdep_link(obj, container);
}
EXPORT_SYMBOL_GPL(kobjtree_init_member);

/* The macro kobjtree_alloc() has the documentation. */
void *__kobjtree_alloc(size_t size, size_t offset,
		       const struct kobjtree_type *type, gfp_t gfp,
		       const char *name)
{
	void *p;

	if (kobjtree_fail_alloc())
		return NULL;
	if (type && type->cache)
		p = kmem_cache_zalloc(*type->cache, gfp);
	else
		p = kzalloc(size, gfp);
	if (p)
		kobjtree_setup(p + offset, type ?: &kobjtree_plain, offset, NULL,
			       type ? NULL : name, size);
	return p;
}
EXPORT_SYMBOL_GPL(__kobjtree_alloc);

static int __init kobjtree_start(void)
{
	int i, ret;

	for (i = 0; i < ARRAY_SIZE(kobjtree_buckets); i++)
		spin_lock_init(&kobjtree_buckets[i].lock);
	kobjtree_teardown_init();
	kobjtree_gate_start();
	ret = kobjtree_owner_start();
	if (ret)
		return ret;
	kobjtree_graph_start();
	kobjtree_history_start();
	kobjtree_disturb_start();
	return 0;
}
core_initcall(kobjtree_start);

static void __exit kobjtree_stop(void)
{
	kobjtree_owner_stop();
	kobjtree_disturb_stop();
	kobjtree_history_stop();
	kobjtree_graph_stop();
}
module_exit(kobjtree_stop);

MODULE_DESCRIPTION("Objects that hold each other");
MODULE_LICENSE("GPL");
