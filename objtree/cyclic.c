// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cycles on purpose: which cyclic objects nothing but each other keeps, and how
 * they are taken apart.
 *
 * A pass takes a reference to each object, looks at one after the other, how many
 * references and then which edges it has, and subtracts. Meanwhile others go on, and
 * say what they touch: an object that gets an edge, and one to which somebody gets
 * a reference who had none to it. What was touched is kept, with all that it leads
 * to. Of the rest, nobody outside got hold of what nobody outside had; and who drops
 * an edge has its holder, which then looks held, or had it no more when it was
 * looked at, after which that edge was not seen.
 *
 * Invariant: garbage dies at once, when the pass becomes COMMITTED. Until then
 * whoever touches some of it has the pass begin anew with what it found; from then
 * on a weak reference leads to none of it.
 *
 * The cascade does the rest. It is the reverse of a depth-first search, oldest edges
 * first, and takes a cycle apart if the edges that lead back into the path of that
 * search do not count: those are counted apart, in ->back, and keep memory alone.
 *
 *   pass: IDLE -> LOOKING -> COMMITTED -> IDLE
 *                  ^    v
 *                 RESCUED
 *   object: UNKNOWN -> GARBAGE -> DEAD -> (WAITS) -> gone
 *              \_________\____-> TOUCHED, until the next pass
 */
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include <trace/events/kobjtree.h>

#include "internal.h"

/* Under a lock; a pass makes room for so many links before it takes one. */
#define KOBJTREE_BATCH	32

/* Passes that may begin anew before one gives up. */
#define KOBJTREE_ROUNDS	8

enum { IDLE, LOOKING, RESCUED, COMMITTED };

static DEFINE_MUTEX(kobjtree_pass_mutex);	/* one pass at a time */
static int kobjtree_pass;

static DEFINE_SPINLOCK(kobjtree_cyclic_lock);	/* of the list */
static LIST_HEAD(kobjtree_cyclic_list);		/* newest first */
static u32 kobjtree_cyclic_nr;

/**
 * struct kobjtree_pass - what a pass knows
 * @pic: the objects, newest first, and their edges, newest first
 * @obj: with these numbers, each with a reference of the pass
 * @room: for links
 * @roots: where the search began, oldest first; in @pic.queue
 * @nr_roots: how many
 * @garbage: how many objects
 */
struct kobjtree_pass {
	struct kobjtree_picture pic;
	struct kobjtree_cyclic **obj;
	u32 room;
	u32 *roots;
	u32 nr_roots;
	u32 garbage;
};

/* === Every cyclic object === */

void kobjtree_cyclic_add(struct kobjtree *obj)
{
	struct kobjtree_cyclic *c = to_cyclic(obj);

	if (obj->flags & KOBJTREE_MEMBER || obj->type->rcu) {
		kobjtree_misuse(obj, "cyclic type for a member, or with rcu");
		return;
	}
	c->index = 0;
	c->back = 0;
	c->state = KOBJTREE_CYCLIC_UNKNOWN;
	obj->flags |= KOBJTREE_CYCLIC;
	guard(spinlock_irqsave)(&kobjtree_cyclic_lock);
	list_add(&c->node, &kobjtree_cyclic_list);
	WRITE_ONCE(kobjtree_cyclic_nr, kobjtree_cyclic_nr + 1);
}

void kobjtree_cyclic_del(struct kobjtree *obj)
{
	if (!kobjtree_is_cyclic(obj))
		return;
	guard(spinlock_irqsave)(&kobjtree_cyclic_lock);
	list_del(&to_cyclic(obj)->node);
	WRITE_ONCE(kobjtree_cyclic_nr, kobjtree_cyclic_nr - 1);
}

/* === Those who come between === */

/*
 * The caller took a reference to @obj, which it had none to, or is about to add an
 * edge to it for which it took one.
 *
 * Return: false if @obj is dead.
 */
bool kobjtree_cyclic_touch(struct kobjtree *obj)
{
	struct kobjtree_cyclic *c = to_cyclic(obj);

	/* Pairs with kobjtree_look(): the pass sees that, or this the pass. */
	smp_mb();
	if (READ_ONCE(kobjtree_pass) == IDLE)
		return true;
	if (kobjtree_cyclic_dead(obj))
		return false;
	if (xchg(&c->state, KOBJTREE_CYCLIC_TOUCHED) != KOBJTREE_CYCLIC_GARBAGE)
		return true;
	return cmpxchg(&kobjtree_pass, LOOKING, RESCUED) != COMMITTED;
}

/*
 * The same for a weak reference, under @obj's lock. No pass ends before it had the
 * lock of each object that it called garbage: so this is of the pass that did so.
 */
bool kobjtree_cyclic_weak(struct kobjtree *obj)
{
	if (kobjtree_cyclic_touch(obj))
		return true;
	if (!kobjtree_cyclic_dead(obj))
		WRITE_ONCE(to_cyclic(obj)->state, KOBJTREE_CYCLIC_GARBAGE);
	return false;
}

/**
 * kobjtree_cyclic_get() - take a reference to an object that edges lead to
 * @obj: an object that edges lead to from one that the caller has a reference to,
 *	and do so until this returns
 *
 * For what the caller has a reference to, kobjtree_get() does the same.
 *
 * Context: any.
 * Return: @obj, the caller owns one more reference; NULL if @obj was collected,
 * which only callbacks of what was collected with it see.
 */
struct kobjtree *kobjtree_cyclic_get(struct kobjtree *obj)
{
	if (kobjtree_cyclic_dead(obj))
		return NULL;
	kobjtree_get(obj);
	if (kobjtree_is_cyclic(obj))
		kobjtree_cyclic_touch(obj);
	return obj;
}
EXPORT_SYMBOL_GPL(kobjtree_cyclic_get);

/* === The picture === */

static void kobjtree_pass_slice(u32 i)
{
	if (i % KOBJTREE_BATCH == 0)
		cond_resched();
}

/* From @cursor on, which moves along; false at the end. */
static bool kobjtree_gather_batch(struct kobjtree_pass *pass, u32 most,
				  struct list_head *cursor)
{
	struct kobjtree_cyclic *c;
	int n;

	guard(spinlock_irqsave)(&kobjtree_cyclic_lock);
	for (n = 0; n < KOBJTREE_BATCH; n++) {
		if (cursor->next == &kobjtree_cyclic_list || pass->pic.nr == most) {
			list_del(cursor);
			return false;
		}
		c = list_entry(cursor->next, struct kobjtree_cyclic, node);
		list_move(cursor, &c->node);
		if (READ_ONCE(c->state) >= KOBJTREE_CYCLIC_DEAD ||
		    !kref_get_unless_zero(&c->tree.ref))
			continue;
		xchg(&c->state, KOBJTREE_CYCLIC_UNKNOWN);
		c->index = pass->pic.nr;
		pass->obj[pass->pic.nr++] = c;
	}
	return true;
}

static void kobjtree_gather(struct kobjtree_pass *pass, u32 most)
{
	LIST_HEAD(cursor);

	scoped_guard(spinlock_irqsave, &kobjtree_cyclic_lock)
		list_add(&cursor, &kobjtree_cyclic_list);
	while (kobjtree_gather_batch(pass, most, &cursor))
		cond_resched();
}

static void kobjtree_see(struct kobjtree_pass *pass, struct kobjtree_vertex *v,
			 const struct kobjtree *held)
{
	u32 number;

	if (!held || !kobjtree_is_cyclic(held))
		return;
	number = to_cyclic(held)->index;
	if (number >= pass->pic.nr || &pass->obj[number]->tree != held)
		return;
	pass->pic.to[pass->pic.links++] = number;
	v->nr++;
}

/* What is at @cursor, or at the start if that is nowhere; false at the end. */
static bool kobjtree_see_batch(struct kobjtree_pass *pass, u32 i,
			       struct kobjtree_node *cursor, bool *slot)
{
	struct kobjtree_vertex *v = &pass->pic.vertex[i];
	struct kobjtree *obj = &pass->obj[i]->tree;
	struct kobjtree_edge *edge;
	unsigned long *place, p;
	int n;

	guard(spinlock_irqsave)(kobjtree_lock(obj));
	place = cursor->pprev ? &cursor->next : &obj->head;
	for (n = 0; (p = *place) && n < KOBJTREE_BATCH; n++) {
		edge = container_of(kobjtree_node(p), struct kobjtree_edge, node);
		place = &edge->node.next;
		if (kobjtree_kind(p) != KOBJTREE_KIND_EDGE)
			continue;
		if (!*slot && !(edge->held & KOBJTREE_EDGE_NEWER)) {
			*slot = true;
			kobjtree_see(pass, v, obj->slot);
		}
		kobjtree_see(pass, v, kobjtree_edge_held(edge));
	}
	if (cursor->pprev)
		kobjtree_node_del(cursor);
	if (p)
		kobjtree_node_add(place, cursor, KOBJTREE_KIND_CURSOR);
	else if (!*slot)
		kobjtree_see(pass, v, obj->slot);
	return p;
}

static int kobjtree_make_room(struct kobjtree_pass *pass)
{
	u32 *to;

	if (pass->pic.links + KOBJTREE_BATCH + 1 <= pass->room)
		return 0;
	pass->room = 2 * pass->room + KOBJTREE_BATCH + 1;
	to = kobjtree_fail_alloc() ? NULL :
	     kvmalloc_array(pass->room, sizeof(*to), GFP_KERNEL);
	if (!to)
		return -ENOMEM;
	if (pass->pic.links)
		memcpy(to, pass->pic.to, pass->pic.links * sizeof(*to));
	kvfree(pass->pic.to);
	pass->pic.to = to;
	return 0;
}

static int kobjtree_see_one(struct kobjtree_pass *pass, u32 i)
{
	struct kobjtree *obj = &pass->obj[i]->tree;
	struct kobjtree_node cursor = {};
	bool slot = false, more;

	do {
		if (kobjtree_make_room(pass)) {
			guard(spinlock_irqsave)(kobjtree_lock(obj));
			if (cursor.pprev)
				kobjtree_node_del(&cursor);
			return -ENOMEM;
		}
		more = kobjtree_see_batch(pass, i, &cursor, &slot);
		kobjtree_pass_slice(more ? 0 : i);
	} while (more);
	return 0;
}

static int kobjtree_see_all(struct kobjtree_pass *pass)
{
	u32 i;

	for (i = 0; i < pass->pic.nr; i++) {
		kobjtree_point("collect: sees", NULL);
		pass->pic.vertex[i] = (struct kobjtree_vertex) {
			.outside = kref_read(&pass->obj[i]->tree.ref) - 1,
			.first = pass->pic.links,
		};
		/* An edge that was unlinked before the last put is not seen. */
		smp_rmb();
		if (kobjtree_see_one(pass, i))
			return -ENOMEM;
	}
	return 0;
}

static int kobjtree_look(struct kobjtree_pass *pass)
{
	u32 most = READ_ONCE(kobjtree_cyclic_nr);

	pass->obj = kobjtree_fail_alloc() ? NULL :
		    kvmalloc_array(most, sizeof(*pass->obj), GFP_KERNEL);
	pass->pic.vertex = kobjtree_fail_alloc() ? NULL :
			   kvmalloc_array(most, sizeof(*pass->pic.vertex),
					  GFP_KERNEL);
	if (!pass->obj || !pass->pic.vertex)
		return -ENOMEM;
	/* A full barrier, see kobjtree_cyclic_touch(). */
	xchg(&kobjtree_pass, LOOKING);
	kobjtree_gather(pass, most);
	kobjtree_point("collect: gathered", NULL);
	if (kobjtree_see_all(pass))
		return -ENOMEM;
	/* Objects, and links; later the search, and a root that no link leads to, too. */
	pass->pic.queue = kobjtree_fail_alloc() ? NULL :
			  kvmalloc_array((size_t)pass->pic.nr +
					 max(pass->pic.nr, pass->pic.links),
					 sizeof(*pass->pic.queue), GFP_KERNEL);
	if (!pass->pic.queue)
		return -ENOMEM;
	kobjtree_point("collect: seen", NULL);
	kobjtree_collect(&pass->pic);
	return 0;
}

/* === Death === */

/* Return: false if somebody touched what looked like garbage, which is kept then. */
static bool kobjtree_condemn(struct kobjtree_pass *pass)
{
	struct kobjtree_vertex *v = pass->pic.vertex;
	bool all = true;
	int *state;
	u32 i;

	for (i = 0; i < pass->pic.nr; i++, v++) {
		state = &pass->obj[i]->state;
		kobjtree_pass_slice(i);
		if (v->reached) {
			if (READ_ONCE(*state) == KOBJTREE_CYCLIC_GARBAGE)
				cmpxchg(state, KOBJTREE_CYCLIC_GARBAGE,
					KOBJTREE_CYCLIC_UNKNOWN);
		} else if (cmpxchg(state, KOBJTREE_CYCLIC_UNKNOWN,
				   KOBJTREE_CYCLIC_GARBAGE) ==
			   KOBJTREE_CYCLIC_TOUCHED) {
			v->outside = 1;
			all = false;
		}
	}
	return all;
}

static int kobjtree_commit(struct kobjtree_pass *pass)
{
	bool all;
	u32 i;
	int n;

	for (n = 0; n < KOBJTREE_ROUNDS; n++) {
		/* Who still says RESCUED has left TOUCHED behind. */
		xchg(&kobjtree_pass, LOOKING);
		all = kobjtree_condemn(pass);
		kobjtree_point("collect: condemned", NULL);
		if (all && cmpxchg(&kobjtree_pass, LOOKING, COMMITTED) == LOOKING)
			return 0;
		kobjtree_collect_more(&pass->pic);
	}
	for (i = 0; i < pass->pic.nr; i++) {
		kobjtree_pass_slice(i);
		guard(spinlock_irqsave)(kobjtree_lock(&pass->obj[i]->tree));
		cmpxchg(&pass->obj[i]->state, KOBJTREE_CYCLIC_GARBAGE,
			KOBJTREE_CYCLIC_UNKNOWN);
	}
	return -EAGAIN;
}

/* Before the first release, no weak reference leads to any of it. */
static void kobjtree_kill(struct kobjtree_pass *pass)
{
	struct kobjtree *obj;
	u32 i;

	for (i = 0; i < pass->pic.nr; i++) {
		kobjtree_pass_slice(i);
		if (pass->pic.vertex[i].reached)
			continue;
		obj = &pass->obj[i]->tree;
		scoped_guard(spinlock_irqsave, kobjtree_lock(obj))
			WRITE_ONCE(pass->obj[i]->state, KOBJTREE_CYCLIC_DEAD);
		if (obj->flags & KOBJTREE_WEAK)
			kobjtree_weak_kill(obj);
		pass->garbage++;
	}
}

/* === The order === */

/*
 * Depth first, oldest edges first. ->outside of garbage: 0 before the search comes
 * to it, then how many of its edges were looked at and one, KEPT after all of them.
 * @close: count the edges apart that lead back into the path.
 */
static void kobjtree_search(struct kobjtree_pass *pass, u32 root, bool close)
{
	struct kobjtree_vertex *v, *w;
	u32 *stack = pass->pic.queue;
	u32 depth = 0, number, n = 0;

	pass->pic.vertex[root].outside = 1;
	stack[depth++] = root;
	while (depth) {
		kobjtree_pass_slice(n++);
		v = &pass->pic.vertex[stack[depth - 1]];
		if (v->outside > v->nr) {
			v->outside = KOBJTREE_KEPT;
			depth--;
			continue;
		}
		number = pass->pic.to[v->first + v->nr - v->outside++];
		w = &pass->pic.vertex[number];
		if (w->reached || w->outside == KOBJTREE_KEPT)
			continue;
		if (!w->outside) {
			w->outside = 1;
			stack[depth++] = number;
		} else if (close) {
			pass->obj[number]->back++;
			refcount_dec(&pass->obj[number]->tree.ref.refcount);
		}
	}
}

/*
 * Oldest objects first. Nothing but a cycle leads to the last root that is found,
 * nor, of those to which it does not lead, to the one before.
 */
static void kobjtree_find_roots(struct kobjtree_pass *pass)
{
	struct kobjtree_vertex *v;
	u32 i;

	for (i = pass->pic.nr; i--;) {
		v = &pass->pic.vertex[i];
		kobjtree_pass_slice(i);
		if (v->reached || v->outside)
			continue;
		kobjtree_search(pass, i, false);
		pass->roots[pass->nr_roots++] = i;
	}
	for (i = pass->pic.nr; i--;) {
		kobjtree_pass_slice(i);
		pass->pic.vertex[i].outside = 0;
	}
}

static void kobjtree_order(struct kobjtree_pass *pass)
{
	u32 i, first;

	pass->roots = pass->pic.queue + pass->pic.nr;
	kobjtree_find_roots(pass);
	first = pass->nr_roots;
	for (i = pass->nr_roots; i--;) {
		if (pass->pic.vertex[pass->roots[i]].outside)
			continue;
		kobjtree_search(pass, pass->roots[i], true);
		pass->roots[--first] = pass->roots[i];
	}
	pass->roots += first;
	pass->nr_roots -= first;
}

/* The references of the pass, but for those of the roots. */
static void kobjtree_let_go(struct kobjtree_pass *pass, bool committed)
{
	u32 i, root = 0;

	for (i = pass->pic.nr; i--;) {
		kobjtree_pass_slice(i);
		if (!committed || pass->pic.vertex[i].reached)
			kobjtree_put_async(&pass->obj[i]->tree);
		else if (root < pass->nr_roots && pass->roots[root] == i)
			root++;
		else
			refcount_dec(&pass->obj[i]->tree.ref.refcount);
	}
}

/* Drop the reference of the pass, which has kept garbage together. */
static void kobjtree_put_root(struct kobjtree *obj)
{
	if (!refcount_dec_and_test(&obj->ref.refcount))
		return;
	trace_kobjtree_last_put(obj);
	kobjtree_history_note(obj, KOBJTREE_DID_LAST_PUT);
	kobjtree_teardown(obj);
}

/* The reverse of the search: what roots hold of each other's trees is dropped first. */
static void kobjtree_take_apart(struct kobjtree_pass *pass)
{
	u32 i;

	for (i = 0; i < pass->nr_roots; i++)
		kobjtree_put_root(&pass->obj[pass->roots[i]]->tree);
}

/* === A pass === */

static int kobjtree_run(struct kobjtree_pass *pass)
{
	int ret;

	guard(mutex)(&kobjtree_pass_mutex);
	if (!READ_ONCE(kobjtree_cyclic_nr))
		return 0;
	ret = kobjtree_look(pass) ?: kobjtree_commit(pass);
	if (!ret) {
		kobjtree_point("collect: committed", NULL);
		kobjtree_kill(pass);
		kobjtree_order(pass);
	}
	/* Behind what says which objects are dead. */
	smp_store_release(&kobjtree_pass, IDLE);
	kobjtree_let_go(pass, !ret);
	return ret;
}

/**
 * kobjtree_cyclic_collect() - take apart what nothing but cycles keeps
 *
 * Of all modules. Each object goes as if an ordinary last put had begun its cascade,
 * the oldest one of a cycle first. Costs time and memory for each cyclic object that
 * there is, locks none of them for long, and does not stop who uses them.
 *
 * An object whose last reference is put meanwhile may be torn down in a worker.
 *
 * Context: process context, may sleep; no lock that a release takes is held.
 * Return: how many objects were taken apart; -ENOMEM; -EAGAIN if weak references
 * were followed to what looked like garbage, again and again; -EDEADLK in a release,
 * an action or a free. On an error nothing has changed.
 */
int kobjtree_cyclic_collect(void)
{
	struct kobjtree_pass pass = {};
	int ret;

	might_sleep();
	if (kobjtree_in_cascade())
		return -EDEADLK;
	ret = kobjtree_run(&pass);
	if (!ret)
		kobjtree_take_apart(&pass);
	kvfree(pass.pic.queue);
	kvfree(pass.pic.to);
	kvfree(pass.pic.vertex);
	kvfree(pass.obj);
	return ret ?: pass.garbage;
}
EXPORT_SYMBOL_GPL(kobjtree_cyclic_collect);

/* What the release of garbage let go of may be garbage now. */
void kobjtree_cyclic_collect_all(void)
{
	while (kobjtree_cyclic_collect() > 0)
		;
}

/* === For the cascade === */

/*
 * Was the edge to @held that is dropped one that closed a cycle? @held was torn down
 * before, by the same cascade; @over: it waits, and this was the last.
 */
bool kobjtree_cyclic_back(struct kobjtree *held, bool *over)
{
	struct kobjtree_cyclic *c = to_cyclic(held);

	if (!kobjtree_is_cyclic(held) || kref_read(&held->ref) || !c->back)
		return false;
	*over = !--c->back && c->state == KOBJTREE_CYCLIC_WAITS;
	return true;
}

/* Everything of @obj is gone but its memory, which edges may still lead to. */
bool kobjtree_cyclic_wait(struct kobjtree *obj)
{
	if (!kobjtree_is_cyclic(obj) || !to_cyclic(obj)->back)
		return false;
	WRITE_ONCE(to_cyclic(obj)->state, KOBJTREE_CYCLIC_WAITS);
	return true;
}
