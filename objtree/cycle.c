// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cycles: whether a path of edges leads from one object to another.
 *
 * The walk is breadth first, each object once. Its queue is threaded through
 * the objects' own link; a reference to each keeps it there. A link from an
 * object that was ever held waits for the mutex, and one from any other is on
 * no path that leads to it: so no edge comes to a walked part of the graph
 * behind the walk's back. Edges that go make the answer only more careful.
 *
 *   object: not visited -> queued -> scanned -> not visited
 */
#include <linux/mutex.h>
#include <linux/sched.h>

#include "internal.h"

/* Nodes to scan before interrupts are let in. */
#define KOBJTREE_SCAN_BATCH	32

/* One walk at a time: an object has one ->link and one ->visited. */
DEFINE_MUTEX(kobjtree_cycle_mutex);

struct kobjtree_walk {
	const struct kobjtree *to;
	struct kobjtree *tail;
	bool found;
};

/*
 * Without @obj's lock: no edge can come to @obj while the mutex is held, and
 * what came before is seen, since whoever linked the edge that led here marked
 * @obj as held first, see kobjtree_mark_held().
 */
static bool kobjtree_holds_nothing(const struct kobjtree *obj)
{
	return !READ_ONCE(obj->head) && !READ_ONCE(obj->slot);
}

static void kobjtree_queue(struct kobjtree_walk *walk, struct kobjtree *obj)
{
	if (obj == walk->to)
		walk->found = true;
	if (walk->found || obj->visited || kobjtree_holds_nothing(obj))
		return;
	kobjtree_get(obj);
	obj->visited = 1;
	obj->link = NULL;
	walk->tail->link = obj;
	walk->tail = obj;
}

/* Scan a batch from *@place on; what is left starts there. */
static unsigned long *kobjtree_scan_batch(struct kobjtree_walk *walk,
					  unsigned long *place)
{
	struct kobjtree_edge *edge;
	unsigned long p = *place;
	int n;

	for (n = 0; p && n < KOBJTREE_SCAN_BATCH && !walk->found; n++) {
		edge = container_of(kobjtree_node(p), struct kobjtree_edge, node);
		if (kobjtree_kind(p) == KOBJTREE_KIND_EDGE)
			kobjtree_queue(walk, kobjtree_edge_held(edge));
		place = &edge->node.next;
		p = *place;
	}
	return place;
}

static void kobjtree_scan(struct kobjtree_walk *walk, struct kobjtree *obj)
{
	struct kobjtree_node cursor = {};
	spinlock_t *lock = kobjtree_lock(obj);
	unsigned long *place;
	bool more = true;

	scoped_guard(spinlock_irqsave, lock) {
		if (obj->slot)
			kobjtree_queue(walk, obj->slot);
		kobjtree_node_add(&obj->head, &cursor, KOBJTREE_KIND_CURSOR);
	}
	while (more) {
		scoped_guard(spinlock_irqsave, lock) {
			place = kobjtree_scan_batch(walk, &cursor.next);
			more = *place && !walk->found;
			kobjtree_node_del(&cursor);
			if (more)
				kobjtree_node_add(place, &cursor,
						  KOBJTREE_KIND_CURSOR);
		}
		cond_resched();
	}
}

/**
 * kobjtree_reaches() - whether edges lead from one object to another
 * @from: an object that the caller has a reference to
 * @to: another one
 *
 * Context: process context, kobjtree_cycle_mutex held, may sleep.
 * Return: true if there is a path.
 */
bool kobjtree_reaches(struct kobjtree *from, const struct kobjtree *to)
{
	struct kobjtree_walk walk = { .to = to, .tail = from };
	struct kobjtree *obj, *next;

	lockdep_assert_held(&kobjtree_cycle_mutex);

	if (kobjtree_holds_nothing(from))
		return false;
	kobjtree_get(from);
	from->visited = 1;
	from->link = NULL;
	for (obj = from; obj && !walk.found; obj = obj->link)
		kobjtree_scan(&walk, obj);
	for (obj = from; obj; obj = next) {
		next = obj->link;
		obj->visited = 0;
		kobjtree_put_async(obj);
		cond_resched();
	}
	return walk.found;
}
