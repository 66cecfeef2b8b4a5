// SPDX-License-Identifier: GPL-2.0-only
/*
 * Misuse that only debugobjects can see: a second init of a live object, and
 * memory that is freed with a live object or a linked edge in it.
 *
 * Invariant: an object is active there from its init to the end of its
 * teardown, an edge while it is linked.
 */
#include <linux/debugobjects.h>
#include <linux/slab.h>

#include "internal.h"

/* The object that the init which runs now found alive. */
static struct kobjtree *kobjtree_found_alive;

static void *kobjtree_debug_hint(void *addr)
{
	return (void *)((struct kobjtree *)addr)->type;
}

static bool kobjtree_fixup_init(void *addr, enum debug_obj_state state)
{
	if (state != ODEBUG_STATE_ACTIVE)
		return false;
	WRITE_ONCE(kobjtree_found_alive, addr);
	kobjtree_misuse((struct kobjtree *)addr, "second init of a live object, ignored");
	return true;
}

/* debugobjects asks again until it is not active any more. */
static bool kobjtree_fixup_free(void *addr, enum debug_obj_state state)
{
	if (state != ODEBUG_STATE_ACTIVE)
		return false;
	kobjtree_misuse((struct kobjtree *)addr, "memory of a live object is freed");
	kobjtree_debug_free(addr);
	kobjtree_forget(addr);
	return true;
}

static const struct debug_obj_descr kobjtree_descr = {
	.name = "kobjtree",
	.debug_hint = kobjtree_debug_hint,
	.fixup_init = kobjtree_fixup_init,
	.fixup_free = kobjtree_fixup_free,
};

/* False if @obj lives: it stays as it is. */
bool kobjtree_debug_init(struct kobjtree *obj)
{
	debug_object_init(obj, &kobjtree_descr);
	if (cmpxchg(&kobjtree_found_alive, obj, NULL) == obj)
		return false;
	debug_object_activate(obj, &kobjtree_descr);
	return true;
}

void kobjtree_debug_free(struct kobjtree *obj)
{
	debug_object_deactivate(obj, &kobjtree_descr);
	debug_object_free(obj, &kobjtree_descr);
}

static void *kobjtree_edge_hint(void *addr)
{
	struct kobjtree *held = kobjtree_edge_held(addr);

	return held ? (void *)held->type : NULL;
}

/* Off its list, though its holder's lock is not known; what it held leaks. */
static bool kobjtree_edge_fixup_free(void *addr, enum debug_obj_state state)
{
	struct kobjtree_edge *edge = addr;
	struct kobjtree *held;

	if (state != ODEBUG_STATE_ACTIVE)
		return false;
	if (!edge->node.pprev) {
		kobjtree_debug_unlink(edge);
		return true;
	}
	held = kobjtree_edge_remove(edge);
	kobjtree_graph_held(held, -1);
	kobjtree_misuse(held,
			"memory of an edge that holds this is freed");
	return true;
}

static const struct debug_obj_descr kobjtree_edge_descr = {
	.name = "kobjtree_edge",
	.debug_hint = kobjtree_edge_hint,
	.fixup_free = kobjtree_edge_fixup_free,
};

/* Before the edge is put on a list, for no lock is held there; NULL is no edge. */
void kobjtree_debug_link(struct kobjtree_edge *edge)
{
	if (!edge || edge->node.pprev)
		return;
	debug_object_init(edge, &kobjtree_edge_descr);
	debug_object_activate(edge, &kobjtree_edge_descr);
}

void kobjtree_debug_unlink(struct kobjtree_edge *edge)
{
	if (!edge || edge->node.pprev)
		return;
	debug_object_deactivate(edge, &kobjtree_edge_descr);
	debug_object_free(edge, &kobjtree_edge_descr);
}
