// SPDX-License-Identifier: GPL-2.0-only
/*
 * Managed memory and actions: what goes with the last reference to an object,
 * as devres goes with the unbinding of a device.
 *
 * Invariant: both hang on the object's list from the call that adds them until
 * they are taken off, under the object's lock; who takes one off runs or frees
 * it, once. Each action counts for the module of its function until then.
 *
 *   added, on the list -> taken off -> run, and its storage freed if allocated
 */
#include <linux/slab.h>
#include <linux/string.h>

#include "internal.h"

struct kobjtree_memory {
	struct kobjtree_node node;
	u8 data[] __aligned(ARCH_KMALLOC_MINALIGN);
};

static bool kobjtree_node_hang(struct kobjtree *obj, struct kobjtree_node *node,
			       enum kobjtree_kind kind)
{
	guard(spinlock_irqsave)(kobjtree_lock(obj));
	if (kobjtree_dead(obj))
		return false;
	kobjtree_set_flag(obj, KOBJTREE_MIXED);
	kobjtree_node_add(&obj->head, node, kind);
	return true;
}

/* === Memory === */

/**
 * kobjtree_kzalloc() - allocate zeroed memory that is freed with an object
 * @obj: the object
 * @size: how much
 * @gfp: how
 *
 * It is freed after everything that @obj holds was dropped.
 *
 * Context: that of @gfp; the caller holds a reference to @obj.
 * Return: the memory; NULL without memory or if @obj is dead.
 */
void *kobjtree_kzalloc(struct kobjtree *obj, size_t size, gfp_t gfp)
{
	struct kobjtree_memory *mem;

	if (kobjtree_fail_alloc())
		return NULL;
	mem = kzalloc(size_add(sizeof(*mem), size), gfp);
	if (!mem)
		return NULL;
	if (kobjtree_node_hang(obj, &mem->node, KOBJTREE_KIND_MEMORY))
		return mem->data;
	kfree(mem);
	return NULL;
}
EXPORT_SYMBOL_GPL(kobjtree_kzalloc);

/**
 * kobjtree_kstrdup() - copy a string into memory that is freed with an object
 * @obj: the object
 * @s: the string
 * @gfp: how to allocate
 *
 * Context: that of @gfp; the caller holds a reference to @obj.
 * Return: the copy; NULL without memory or if @obj is dead.
 */
char *kobjtree_kstrdup(struct kobjtree *obj, const char *s, gfp_t gfp)
{
	size_t size = strlen(s) + 1;
	char *p = kobjtree_kzalloc(obj, size, gfp);

	return p ? memcpy(p, s, size) : NULL;
}
EXPORT_SYMBOL_GPL(kobjtree_kstrdup);

/**
 * kobjtree_kfree() - free managed memory before its object goes
 * @obj: the object
 * @p: from kobjtree_kzalloc() or kobjtree_kstrdup() for @obj, or NULL
 *
 * Context: any; the caller holds a reference to @obj, or runs in its release
 * or one of its actions.
 */
void kobjtree_kfree(struct kobjtree *obj, const void *p)
{
	struct kobjtree_memory *mem;

	if (!p)
		return;
	mem = container_of((u8 (*)[])p, struct kobjtree_memory, data);
	scoped_guard(spinlock_irqsave, kobjtree_lock(obj))
		kobjtree_node_del(&mem->node);
	kfree(mem);
}
EXPORT_SYMBOL_GPL(kobjtree_kfree);

/* Step 5: only memory is left. */
void kobjtree_free_memory(struct kobjtree *obj)
{
	struct kobjtree_node *node;

	while (obj->head) {
		node = kobjtree_node(obj->head);
		kobjtree_node_del(node);
		kfree(container_of(node, struct kobjtree_memory, node));
		cond_resched();
	}
}

/* === Actions === */

static int kobjtree_action_add(struct kobjtree *obj,
			       struct kobjtree_action *action,
			       void (*fn)(void *data), void *data,
			       struct kobjtree_owner *owner, unsigned long flags)
{
	action->fn = fn;
	action->data = data;
	action->owner = (unsigned long)owner | flags;
	kobjtree_owner_get(owner);
	if (kobjtree_node_hang(obj, &action->node, KOBJTREE_KIND_ACTION))
		return 0;
	kobjtree_owner_put(owner, 1);
	return -ENODEV;
}

/* The macros kobjtree_add_action() etc. have the documentation. */
int __kobjtree_add_action(struct kobjtree *obj, void (*fn)(void *data),
			  void *data, struct kobjtree_owner *owner)
{
	struct kobjtree_action *action;
	int ret;

	if (kobjtree_fail_alloc())
		return -ENOMEM;
	action = kzalloc_obj(*action);
	if (!action)
		return -ENOMEM;
	ret = kobjtree_action_add(obj, action, fn, data, owner,
				  KOBJTREE_ACTION_ALLOC);
	if (ret)
		kfree(action);
	return ret;
}
EXPORT_SYMBOL_GPL(__kobjtree_add_action);

int __kobjtree_add_action_or_reset(struct kobjtree *obj,
				   void (*fn)(void *data), void *data,
				   struct kobjtree_owner *owner)
{
	int ret = __kobjtree_add_action(obj, fn, data, owner);

	if (ret)
		fn(data);
	return ret;
}
EXPORT_SYMBOL_GPL(__kobjtree_add_action_or_reset);

void __kobjtree_embed_action(struct kobjtree *obj,
			     struct kobjtree_action *action,
			     void (*fn)(void *data), void *data,
			     struct kobjtree_owner *owner)
{
	if (kobjtree_action_add(obj, action, fn, data, owner, 0))
		kobjtree_misuse(obj, "action for a dead object");
}
EXPORT_SYMBOL_GPL(__kobjtree_embed_action);

/* Forget @action, after a call; embedded storage may go in the call. */
void kobjtree_end_action(struct kobjtree_action *action, bool call)
{
	unsigned long owner = action->owner;

	if (call)
		action->fn(action->data);
	if (owner & KOBJTREE_ACTION_ALLOC)
		kfree(action);
	owner &= ~KOBJTREE_ACTION_ALLOC;
	kobjtree_owner_put((struct kobjtree_owner *)owner, 1);
}

static struct kobjtree_action *kobjtree_take_action(struct kobjtree *obj,
						    void (*fn)(void *data),
						    void *data)
{
	struct kobjtree_action *action;
	unsigned long p;

	guard(spinlock_irqsave)(kobjtree_lock(obj));
	for (p = obj->head; p; p = kobjtree_node(p)->next) {
		if (kobjtree_kind(p) != KOBJTREE_KIND_ACTION)
			continue;
		action = container_of(kobjtree_node(p), struct kobjtree_action,
				      node);
		if (action->fn == fn && action->data == data) {
			kobjtree_node_del(&action->node);
			return action;
		}
	}
	return NULL;
}

/**
 * kobjtree_remove_action() - take an action back
 * @obj: the object
 * @fn: its function
 * @data: what it would be called with; of several such, the newest is taken
 *
 * Context: any; the caller holds a reference to @obj, or runs in its release
 * or one of its actions.
 * Return: true if there was one.
 */
bool kobjtree_remove_action(struct kobjtree *obj, void (*fn)(void *data),
			    void *data)
{
	struct kobjtree_action *action = kobjtree_take_action(obj, fn, data);

	if (action)
		kobjtree_end_action(action, false);
	return action;
}
EXPORT_SYMBOL_GPL(kobjtree_remove_action);

/**
 * kobjtree_release_action() - call an action before its object goes
 * @obj: the object
 * @fn: its function
 * @data: what it is called with; of several such, the newest is called
 *
 * Context: that of @fn; the caller holds a reference to @obj, or runs in its
 * release or one of its actions.
 * Return: true if there was one.
 */
bool kobjtree_release_action(struct kobjtree *obj, void (*fn)(void *data),
			     void *data)
{
	struct kobjtree_action *action = kobjtree_take_action(obj, fn, data);

	if (action)
		kobjtree_end_action(action, true);
	return action;
}
EXPORT_SYMBOL_GPL(kobjtree_release_action);

/* === For the cascade === */

/*
 * Actions to the front, memory to the end, each in its order. Between the
 * release and the first action the list is the cascade's alone.
 */
void kobjtree_sort(struct kobjtree *obj)
{
	static const u8 rank[] = {
		[KOBJTREE_KIND_ACTION] = 0,
		[KOBJTREE_KIND_EDGE] = 1,
		[KOBJTREE_KIND_MEMORY] = 2,
	};
	unsigned long head[3] = {}, *tail[3] = { &head[0], &head[1], &head[2] };
	unsigned long *place = &obj->head;
	struct kobjtree_node *node;
	unsigned long p;
	int i;

	for (p = obj->head; p; p = node->next) {
		node = kobjtree_node(p);
		i = rank[kobjtree_kind(p)];
		*tail[i] = p;
		node->pprev = tail[i];
		tail[i] = &node->next;
		cond_resched();
	}
	for (i = 0; i < ARRAY_SIZE(head); i++) {
		if (tail[i] == &head[i])
			continue;
		*place = head[i];
		kobjtree_node(head[i])->pprev = place;
		place = tail[i];
	}
	*place = 0;
}

/* The newest action of a sorted list. */
struct kobjtree_action *kobjtree_pop_action(struct kobjtree *obj)
{
	struct kobjtree_action *action;

	guard(spinlock_irqsave)(kobjtree_lock(obj));
	if (!obj->head || kobjtree_kind(obj->head) != KOBJTREE_KIND_ACTION)
		return NULL;
	action = container_of(kobjtree_node(obj->head), struct kobjtree_action,
			      node);
	kobjtree_node_del(&action->node);
	return action;
}
