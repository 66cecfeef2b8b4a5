// SPDX-License-Identifier: GPL-2.0-only
/*
 * Edges: one counted reference each, from a holder to what it holds.
 *
 * Invariant: the edges of all objects form no cycle, but for those of cyclic.c,
 * which nothing but their like holds. An object that was never
 * held can be on none, so its edges need no check; KOBJTREE_HELD says that it
 * was, and is set on the held object before the holder's own bit is read.
 * Two links that would close a cycle together therefore see each other's bit,
 * and take the mutex and the walk of cycle.c one after the other.
 *
 *   unlinked (pprev NULL) -> linked, on the holder's list -> unlinked
 */
#include <linux/mutex.h>
#include <linux/slab.h>

#include <trace/events/kobjtree.h>

#include "internal.h"

/*
 * Say on @held that it may be on a path. Its flags are its own lock's.
 *
 * Afterwards each edge of @held is one that the caller sees, or one that waits
 * for the mutex: edges that needed none were added under @held's lock before
 * the flag was set there. Who finds it set takes no lock, and acquires them.
 */
int kobjtree_mark_held(struct kobjtree *held)
{
	/* Pairs with the release in kobjtree_set_flag(), of any later flag too. */
	if (smp_load_acquire(&held->flags) & KOBJTREE_HELD)
		return kobjtree_dead(held) ? -ENODEV : 0;

	guard(spinlock_irqsave)(kobjtree_lock(held));
	if (kobjtree_dead(held))
		return -ENODEV;
	kobjtree_set_flag(held, KOBJTREE_HELD);
	return 0;
}

/*
 * @edge NULL is the slot. Gives the caller's reference to the edge; -EAGAIN:
 * a path may lead to @holder, which only the walk can tell.
 */
static int kobjtree_edge_add(struct kobjtree *holder,
			     struct kobjtree_edge *edge, struct kobjtree *held,
			     unsigned long flags, bool walked)
{
	guard(spinlock_irqsave)(kobjtree_lock(holder));
	if (kobjtree_dead(holder))
		return -ENODEV;
	if (holder->flags & KOBJTREE_HELD && !walked)
		return -EAGAIN;
	if (edge ? !!edge->node.pprev :
		   holder->flags & (KOBJTREE_SLOT_USED | KOBJTREE_MEMBER))
		return -EBUSY;
	trace_kobjtree_link(holder, held);
	if (!edge) {
		WRITE_ONCE(holder->slot, held);
		kobjtree_set_flag(holder, KOBJTREE_SLOT_USED);
		kobjtree_note_add(&holder->slot, 0);
		return 0;
	}
	if (holder->flags & KOBJTREE_SLOT_USED)
		flags |= KOBJTREE_EDGE_NEWER;
	edge->held = (unsigned long)held | flags;
	kobjtree_node_add(&holder->head, &edge->node, KOBJTREE_KIND_EDGE);
	kobjtree_note_add(&edge->held, 0);
	return 0;
}

/* Take @edge off its holder's list, under the holder's lock. */
struct kobjtree *kobjtree_edge_remove(struct kobjtree_edge *edge)
{
	struct kobjtree *held = kobjtree_edge_held(edge);

	kobjtree_node_del(&edge->node);
	edge->held = 0;
	kobjtree_note_del(&edge->held);
	kobjtree_debug_unlink(edge);
	return held;
}

/* No walk: nothing but such objects leads to one, and their cycles are legal. */
static int kobjtree_add_cyclic(struct kobjtree *holder,
			       struct kobjtree_edge *edge,
			       struct kobjtree *held, unsigned long flags)
{
	int ret;

	if (!kobjtree_is_cyclic(holder))
		return -EINVAL;
	ret = kobjtree_mark_held(held);
	if (ret)
		return ret;
	if (kobjtree_is_cyclic(held))
		kobjtree_cyclic_touch(held);
	return kobjtree_edge_add(holder, edge, held, flags, true);
}

static int kobjtree_add(struct kobjtree *holder, struct kobjtree_edge *edge,
			struct kobjtree *held, unsigned long flags, bool fresh)
{
	int ret;

	if (kobjtree_is_cyclic(holder) || kobjtree_is_cyclic(held))
		return kobjtree_add_cyclic(holder, edge, held, flags);
	if (holder == held)
		return -ELOOP;
	ret = kobjtree_mark_held(held);
	if (ret)
		return ret;
	/* Sticky: who sees it already needs no lock to learn it. */
	if (fresh || !(READ_ONCE(holder->flags) & KOBJTREE_HELD)) {
		ret = kobjtree_edge_add(holder, edge, held, flags, false);
		if (ret != -EAGAIN || fresh)
			return ret;
	}

	might_sleep();
	guard(mutex)(&kobjtree_cycle_mutex);
	if (kobjtree_reaches(held, holder))
		return -ELOOP;
	return kobjtree_edge_add(holder, edge, held, flags, true);
}

/* Out of line, so that what warns once is there once. */
static noinline int kobjtree_refused(struct kobjtree *holder, int ret)
{
	switch (ret) {
	case -ELOOP:
		kobjtree_misuse(holder, "edge that closes a cycle");
		break;
	case -EBUSY:
		kobjtree_misuse(holder, "edge that is linked already");
		break;
	case -EINVAL:
		kobjtree_misuse(holder, "edge to a cyclic object from one that is not");
		break;
	case -EAGAIN:
		kobjtree_misuse(holder, "hold after it was held, use kobjtree_link()");
		break;
	default:
		kobjtree_misuse(holder, "edge from or to a dead object");
		break;
	}
	return ret;
}

/* Gives the caller's reference to the edge, or changes nothing. */
static int kobjtree_connect(struct kobjtree *holder, struct kobjtree_edge *edge,
			    struct kobjtree *held, unsigned long flags,
			    bool fresh)
{
	int ret;

	if (!kobjtree_there(holder, "edge from an object that is gone") ||
	    !kobjtree_there(held, "edge to an object that is gone"))
		return -ENODEV;
	kobjtree_debug_link(edge);
	kobjtree_graph_held(held, 1);
	kobjtree_lockdep_link(holder, held);
	ret = kobjtree_add(holder, edge, held, flags, fresh);
	if (!ret)
		return 0;
	kobjtree_graph_held(held, -1);
	kobjtree_debug_unlink(edge);
	return kobjtree_refused(holder, ret);
}

/* === Init-time links === */

/**
 * kobjtree_hold_edge_give() - kobjtree_hold_edge() that takes over a reference
 * @holder: an object that was never held
 * @edge: storage in @holder's memory, or NULL for the place inside the object
 * @held: what it holds from now on, with the caller's reference
 *
 * Misuse (see kobjtree_hold()) warns once and leaks the reference, so that
 * @held stays for whoever relies on the edge.
 *
 * Context: any; the caller holds a reference to @holder.
 */
void kobjtree_hold_edge_give(struct kobjtree *holder,
			     struct kobjtree_edge *edge, struct kobjtree *held)
{
	kobjtree_connect(holder, edge, held, 0, true);
}
EXPORT_SYMBOL_GPL(kobjtree_hold_edge_give);

/**
 * kobjtree_hold_edge() - let an object hold another one from its init on
 * @holder: an object that was never held
 * @edge: storage in @holder's memory
 * @held: what it holds from now on
 *
 * Takes a reference to @held; the caller keeps its own. Cannot fail.
 *
 * Context: any; the caller holds a reference to both.
 */
void kobjtree_hold_edge(struct kobjtree *holder, struct kobjtree_edge *edge,
			struct kobjtree *held)
{
	if (!kobjtree_there(held, "edge to an object that is gone"))
		return;
	if (kobjtree_get_unless_zero(held))
		kobjtree_hold_edge_give(holder, edge, held);
	else
		kobjtree_refused(holder, -ENODEV);
}
EXPORT_SYMBOL_GPL(kobjtree_hold_edge);

/* === Links at any time === */

/**
 * kobjtree_link_give() - kobjtree_link() that takes over a reference
 * @holder: the holder
 * @edge: storage in @holder's memory, or NULL to allocate it
 * @held: what it holds from now on, with the caller's reference
 *
 * Context: as kobjtree_link().
 * Return: 0, the reference is the edge's; or as kobjtree_link(), nothing has
 * changed and the caller still owns it.
 */
int kobjtree_link_give(struct kobjtree *holder, struct kobjtree_edge *edge,
		       struct kobjtree *held)
{
	unsigned long flags = edge ? 0 : KOBJTREE_EDGE_ALLOC;
	int ret;

	if (!edge && !kobjtree_fail_alloc())
		edge = kzalloc(sizeof(*edge), GFP_KERNEL);
	if (!edge)
		return -ENOMEM;
	ret = kobjtree_connect(holder, edge, held, flags, false);
	if (ret && flags)
		kfree(edge);
	return ret;
}
EXPORT_SYMBOL_GPL(kobjtree_link_give);

/**
 * kobjtree_link() - let an object hold another one
 * @holder: the holder
 * @edge: storage in @holder's memory, or NULL to allocate it
 * @held: what it holds from now on
 *
 * Takes a reference to @held; the caller keeps its own.
 *
 * Context: any where @edge is given and @holder was never held; else process
 * context, may sleep. The caller holds a reference to both.
 * Return: 0; -ELOOP if @held leads to @holder or is it; -ENODEV if one is
 * dead; -EBUSY if @edge is linked; -EINVAL if @held may be on a cycle and
 * @holder may not; -ENOMEM. On an error nothing has changed.
 */
int kobjtree_link(struct kobjtree *holder, struct kobjtree_edge *edge,
		  struct kobjtree *held)
{
	int ret;

	if (!kobjtree_there(held, "edge to an object that is gone"))
		return -ENODEV;
	if (!kobjtree_get_unless_zero(held))
		return kobjtree_refused(holder, -ENODEV);
	ret = kobjtree_link_give(holder, edge, held);
	if (ret)
		kobjtree_put_async(held);
	return ret;
}
EXPORT_SYMBOL_GPL(kobjtree_link);

/* === Unlinking === */

static noinline bool kobjtree_unlink_refused(struct kobjtree *holder)
{
	kobjtree_misuse(holder, "unlink without a reference to the holder");
	return false;
}

/* The cascade drops the edges itself, and nobody may come between. */
static bool kobjtree_may_unlink(struct kobjtree *holder)
{
	return (holder->flags & KOBJTREE_PHASE) != KOBJTREE_EDGES ||
	       kobjtree_unlink_refused(holder);
}

static void kobjtree_put_unlinked(struct kobjtree *held)
{
	if (kobjtree_is_cyclic(held))
		kobjtree_put_cyclic(held);
	else
		kobjtree_put(held);
}

/**
 * kobjtree_unlink() - drop an edge
 * @holder: its holder
 * @edge: the edge
 *
 * In constant time. Of several callers for one edge, one drops it.
 *
 * Context: process context, may sleep; the caller holds a reference to
 * @holder, or runs in its release or one of its actions.
 * Return: true if this call dropped the edge, false if it was not linked.
 */
bool kobjtree_unlink(struct kobjtree *holder, struct kobjtree_edge *edge)
{
	struct kobjtree *held = NULL;

	might_sleep();
	scoped_guard(spinlock_irqsave, kobjtree_lock(holder)) {
		if (edge->node.pprev && kobjtree_may_unlink(holder))
			held = kobjtree_edge_remove(edge);
	}
	if (!held)
		return false;
	trace_kobjtree_unlink(holder, held);
	kobjtree_graph_held(held, -1);
	kobjtree_put_unlinked(held);
	return true;
}
EXPORT_SYMBOL_GPL(kobjtree_unlink);

/* The newest edge from @holder to @held on the list, newer than the slot's. */
static struct kobjtree_edge *kobjtree_find(struct kobjtree *holder,
					   struct kobjtree *held, bool in_slot)
{
	struct kobjtree_edge *edge;
	unsigned long p;

	for (p = holder->head; p; p = kobjtree_node(p)->next) {
		if (kobjtree_kind(p) != KOBJTREE_KIND_EDGE)
			continue;
		edge = container_of(kobjtree_node(p), struct kobjtree_edge, node);
		if (in_slot && !(edge->held & KOBJTREE_EDGE_NEWER))
			return NULL;
		if (kobjtree_edge_held(edge) == held)
			return edge;
	}
	return NULL;
}

/**
 * kobjtree_drop() - drop the newest edge between two objects
 * @holder: the holder
 * @held: what it holds
 *
 * For the edges that have no storage of the caller's. Looks through what hangs
 * on @holder; kobjtree_unlink() does not.
 *
 * Context: as kobjtree_unlink().
 * Return: true if this call dropped an edge, false if there is none.
 */
bool kobjtree_drop(struct kobjtree *holder, struct kobjtree *held)
{
	struct kobjtree_edge *edge;
	unsigned long flags = 0;
	bool in_slot;

	might_sleep();
	scoped_guard(spinlock_irqsave, kobjtree_lock(holder)) {
		in_slot = kobjtree_slot_held(holder) == held;
		edge = kobjtree_find(holder, held, in_slot);
		if ((!edge && !in_slot) || !kobjtree_may_unlink(holder))
			return false;
		if (edge) {
			flags = edge->held;
			kobjtree_edge_remove(edge);
		} else {
			WRITE_ONCE(holder->slot, NULL);
			kobjtree_note_del(&holder->slot);
		}
	}
	if (flags & KOBJTREE_EDGE_ALLOC)
		kfree(edge);
	trace_kobjtree_unlink(holder, held);
	kobjtree_graph_held(held, -1);
	kobjtree_put_unlinked(held);
	return true;
}
EXPORT_SYMBOL_GPL(kobjtree_drop);

/**
 * kobjtree_move() - move an edge to another holder
 * @from: its holder
 * @from_edge: the edge
 * @to: the new holder
 * @to_edge: storage in @to's memory, or NULL to allocate it
 *
 * Context: process context, may sleep; the caller holds a reference to @from
 * and @to.
 * Return: 0; -ENOENT if @from_edge is not linked; or as kobjtree_link(). On
 * an error nothing has changed.
 */
int kobjtree_move(struct kobjtree *from, struct kobjtree_edge *from_edge,
		  struct kobjtree *to, struct kobjtree_edge *to_edge)
{
	struct kobjtree *held = NULL;
	int ret;

	scoped_guard(spinlock_irqsave, kobjtree_lock(from)) {
		if (from_edge->node.pprev)
			held = kobjtree_get(kobjtree_edge_held(from_edge));
	}
	if (!held)
		return -ENOENT;
	ret = kobjtree_link_give(to, to_edge, held);
	if (ret)
		kobjtree_put_async(held);
	else
		kobjtree_unlink(from, from_edge);
	return ret;
}
EXPORT_SYMBOL_GPL(kobjtree_move);
