// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random sequences of all operations, against a model.
 *
 * The model knows objects by number and does what nested puts do, by recursion:
 * who drops the last reference tears down, and what is put in a callback waits
 * for its end. Each operation is run on both; what it returns, what was called
 * and in which order, and all counts must be the same.
 *
 * A box is one allocation: a root object and members of it. An object may
 * carry a reference that its release or its free puts by hand; so may an
 * action. Those can keep garbage alive, which the test takes apart.
 */
#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/completion.h>
#include <linux/kobjtree.h>
#include <linux/moduleparam.h>
#include <linux/prandom.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "helpers.h"

#define NR_BOXES	22
#define NR_MEMBERS	2
#define BOX_SIZE	(1 + NR_MEMBERS)
#define NR_OBJECTS	(NR_BOXES * BOX_SIZE)
#define NR_STORED	3	/* edges in an object's memory */
#define MAX_EDGES	8
#define MAX_ACTIONS	4
#define MAX_BLOCKS	3
#define NR_WEAK		16
#define MAX_EVENTS	1024

#define IN_SLOT		(-1)	/* where an edge is, if not stored */
#define ALLOCATED	(-2)

static unsigned long seed;
module_param(seed, ulong, 0444);
MODULE_PARM_DESC(seed, "of the sequence, 0 for a random one");

static unsigned long operations = IS_ENABLED(CONFIG_KASAN) ? 10000 : 1000000;
module_param(operations, ulong, 0444);
MODULE_PARM_DESC(operations, "how many in all");

/* === What is compared === */

enum event { RELEASE = 'r', ACTION = 'a', FREE = 'f' };

struct events {
	int nr;
	struct { char what; short id; } list[MAX_EVENTS];
};

static void add_event(struct events *events, enum event what, int id)
{
	if (events->nr < MAX_EVENTS) {
		events->list[events->nr].what = what;
		events->list[events->nr].id = id;
	}
	events->nr++;
}

/* === The model === */

struct model_edge {
	int held;
	int place;
};

struct model {
	bool exists;
	bool plain;		/* nothing is called, nothing can be seen */
	bool was_held;
	bool slot_used;
	int refs;
	int owned;		/* of refs, those of the test */
	int container;		/* or -1 */
	int carry;		/* what the release puts, or -1 */
	int carry_free;		/* what the free puts, or -1 */
	int unlink;		/* the stored edge that the release drops, or -1 */
	int nr_edges;
	int nr_actions;
	struct model_edge edge[MAX_EDGES];	/* oldest first */
	int action[MAX_ACTIONS];		/* oldest first */
	int next;				/* in a callback's list */
};

struct model_action {
	bool used;
	int carry;
};

/* The last puts of a callback, in their order. */
struct model_joined {
	int first, last;
};

static struct {
	struct model object[NR_OBJECTS];
	struct model_action action[NR_OBJECTS * MAX_ACTIONS];
	int weak[NR_WEAK];
	struct model_joined *joined;
	struct events events;
	int depth, deepest;
} model;

static void model_put(int id);
static void model_teardown(int id);

static void model_callback_end(struct model_joined *joined)
{
	int id, next;

	model.joined = NULL;
	for (id = joined->first; id >= 0; id = next) {
		next = model.object[id].next;
		model_teardown(id);
	}
}

static void model_put_carried(int *carry)
{
	int id = *carry;

	*carry = -1;
	if (id >= 0)
		model_put(id);
}

/* Return: the index of its edge in storage @place, or -1. */
static int model_find_place(const struct model *m, int place)
{
	int i;

	for (i = m->nr_edges - 1; i >= 0; i--)
		if (m->edge[i].place == place)
			return i;
	return -1;
}

/* Return: the index of its newest edge to @held, or -1. */
static int model_find_held(const struct model *m, int held)
{
	int i;

	for (i = m->nr_edges - 1; i >= 0; i--)
		if (m->edge[i].held == held)
			return i;
	return -1;
}

static void model_drop_edge(struct model *m, int i)
{
	int held = m->edge[i].held;

	m->nr_edges--;
	memmove(&m->edge[i], &m->edge[i + 1],
		(m->nr_edges - i) * sizeof(m->edge[0]));
	model_put(held);
}

static void model_drop_place(struct model *m, int place)
{
	int i = model_find_place(m, place);

	if (i >= 0)
		model_drop_edge(m, i);
}

static noinline void model_release(int id)
{
	struct model_joined joined = { -1, -1 };
	struct model *m = &model.object[id];
	int i;

	for (i = 0; i < NR_WEAK; i++)
		if (model.weak[i] == id)
			model.weak[i] = -1;
	if (m->plain)
		return;
	model.joined = &joined;
	add_event(&model.events, RELEASE, id);
	if (m->unlink >= 0)
		model_drop_place(m, m->unlink);
	model_put_carried(&m->carry);
	model_callback_end(&joined);
}

static noinline void model_run_action(int action)
{
	struct model_joined joined = { -1, -1 };

	model.joined = &joined;
	add_event(&model.events, ACTION, action);
	model.action[action].used = false;
	model_put_carried(&model.action[action].carry);
	model_callback_end(&joined);
}

static noinline void model_free(int id)
{
	struct model_joined joined = { -1, -1 };
	struct model *m = &model.object[id];

	m->exists = false;
	if (m->container >= 0) {
		model_put(m->container);
		return;
	}
	if (m->plain)
		return;
	model.joined = &joined;
	add_event(&model.events, FREE, id);
	model_put_carried(&m->carry_free);
	model_callback_end(&joined);
}

/* The six steps; the small stack frame is for the depth of the recursion. */
static void model_teardown(int id)
{
	struct model *m = &model.object[id];

	model.deepest = max(model.deepest, ++model.depth);
	model_release(id);
	while (m->nr_actions)
		model_run_action(m->action[--m->nr_actions]);
	while (m->nr_edges)
		model_put(m->edge[--m->nr_edges].held);
	model_free(id);
	model.depth--;
}

static void model_put(int id)
{
	struct model *m = &model.object[id];

	if (--m->refs)
		return;
	if (!model.joined) {
		model_teardown(id);
		return;
	}
	m->next = -1;
	if (model.joined->last >= 0)
		model.object[model.joined->last].next = id;
	else
		model.joined->first = id;
	model.joined->last = id;
}

static bool model_reaches(int from, int to)
{
	DECLARE_BITMAP(seen, NR_OBJECTS) = {};
	DECLARE_BITMAP(pending, NR_OBJECTS) = {};
	const struct model *m;
	int i, id;

	__set_bit(from, pending);
	while ((id = find_first_bit(pending, NR_OBJECTS)) < NR_OBJECTS) {
		__clear_bit(id, pending);
		if (id == to)
			return true;
		if (__test_and_set_bit(id, seen))
			continue;
		m = &model.object[id];
		if (m->container >= 0)
			__set_bit(m->container, pending);
		for (i = 0; i < m->nr_edges; i++)
			__set_bit(m->edge[i].held, pending);
	}
	return false;
}

/* A new reference, or the caller's, is the edge's if this returns 0. */
static int model_link(int holder, int place, int held)
{
	struct model *m = &model.object[holder];

	model.object[held].was_held = true;
	if (model_reaches(held, holder))
		return -ELOOP;
	if (place >= 0 && model_find_place(m, place) >= 0)
		return -EBUSY;
	m->edge[m->nr_edges].held = held;
	m->edge[m->nr_edges].place = place;
	m->nr_edges++;
	return 0;
}

/* === The objects === */

struct thing {
	struct kobjtree tree;
	struct kobjtree_edge edge[NR_STORED];
	int id;
	int unlink;
	struct kobjtree *carry;
	struct kobjtree *carry_free;
};

struct box {
	struct thing thing[BOX_SIZE];
};

struct deed {
	struct kobjtree_action storage;
	struct kobjtree *carry;
	int id;
};

static struct {
	struct thing *thing[NR_OBJECTS];
	struct deed deed[NR_OBJECTS * MAX_ACTIONS];
	void *block[NR_OBJECTS][MAX_BLOCKS];
	struct kobjtree_weak weak[NR_WEAK];
	struct events events;
	struct completion done;
	const char *broken;
} real;

static struct kobjtree *real_tree(int id)
{
	return &real.thing[id]->tree;
}

static struct kobjtree_edge *real_edge(int id, int place)
{
	return place < 0 ? NULL : &real.thing[id]->edge[place];
}

static void real_put_carried(struct kobjtree **carry)
{
	struct kobjtree *obj = *carry;

	*carry = NULL;
	if (obj)
		kobjtree_put(obj);
}

static void deed_run(void *data)
{
	struct deed *deed = data;

	add_event(&real.events, ACTION, deed->id);
	real_put_carried(&deed->carry);
}

/* What a dead object refuses, without a warning. */
static void thing_expect_dead(struct thing *thing)
{
	if (kobjtree_get_unless_zero(&thing->tree))
		real.broken = "a dead object was got";
	if (kobjtree_kzalloc(&thing->tree, 8, GFP_KERNEL))
		real.broken = "memory on a dead object";
	if (kobjtree_add_action(&thing->tree, deed_run, thing) != -ENODEV)
		real.broken = "an action on a dead object";
}

static void thing_release(struct kobjtree *obj)
{
	struct thing *thing = container_of(obj, struct thing, tree);

	add_event(&real.events, RELEASE, thing->id);
	if (thing->id % 8 == 0)
		thing_expect_dead(thing);
	if (thing->unlink >= 0)
		kobjtree_unlink(obj, &thing->edge[thing->unlink]);
	real_put_carried(&thing->carry);
}

static void box_free(struct kobjtree *obj)
{
	struct box *box = container_of(obj, struct box, thing[0].tree);

	add_event(&real.events, FREE, box->thing[0].id);
	real_put_carried(&box->thing[0].carry_free);
	kfree(box);
}

DEFINE_KOBJTREE_TYPE(box_type, struct box, thing[0].tree,
		     .release = thing_release, .free = box_free);
DEFINE_KOBJTREE_TYPE(member_type, struct thing, tree,
		     .release = thing_release);

/* === Choices === */

static struct rnd_state rnd;

static u32 below(u32 n)
{
	return prandom_u32_state(&rnd) % n;
}

static bool one_in(u32 n)
{
	return !below(n);
}

static bool is_free_box(int id)
{
	int i;

	for (i = 0; i < BOX_SIZE; i++)
		if (id % BOX_SIZE || model.object[id + i].exists)
			return false;
	return true;
}

static bool is_owned(int id)
{
	return model.object[id].exists && model.object[id].owned;
}

static bool is_free_member(int id)
{
	int root = id - id % BOX_SIZE;

	return id != root && is_owned(root) && !model.object[id].exists;
}

static bool is_fresh(int id)
{
	return is_owned(id) && !model.object[id].was_held;
}

static bool has_carry(int id)
{
	const struct model *m = &model.object[id];

	return m->exists && (m->carry >= 0 || m->carry_free >= 0);
}

static bool has_action(int id)
{
	return is_owned(id) && model.object[id].nr_actions;
}

static bool has_edge(int id)
{
	return is_owned(id) && model.object[id].nr_edges;
}

static int count_alive(void)
{
	int id, n = 0;

	for (id = 0; id < NR_OBJECTS; id++)
		n += model.object[id].exists;
	return n;
}

/* Return: an object that is so, or -1. */
static int pick(bool (*is_so)(int id))
{
	int i, first = below(NR_OBJECTS);

	for (i = 0; i < NR_OBJECTS; i++)
		if (is_so((first + i) % NR_OBJECTS))
			return (first + i) % NR_OBJECTS;
	return -1;
}

static int pick_owned(void)
{
	return pick(is_owned);
}

/* Where a new edge of @holder is to be; false if it has enough of them. */
static bool pick_place(int holder, int *place)
{
	*place = one_in(3) ? ALLOCATED : (int)below(NR_STORED);
	return model.object[holder].nr_edges < MAX_EDGES;
}

/* === The operations: each on both sides === */

enum outcome { NOTHING, SAME, DIFFERENT };

static enum outcome same(bool is_same)
{
	return is_same ? SAME : DIFFERENT;
}

static void both_start(int id, bool plain, int container)
{
	struct model *m = &model.object[id];
	struct thing *thing = real.thing[id];

	memset(m, 0, sizeof(*m));
	m->exists = true;
	m->plain = plain;
	m->refs = 1;
	m->owned = 1;
	m->container = container;
	m->carry = -1;
	m->carry_free = -1;
	m->unlink = one_in(4) ? (int)below(NR_STORED) : -1;
	thing->id = id;
	thing->unlink = m->unlink;
	memset(real.block[id], 0, sizeof(real.block[id]));
}

static enum outcome do_alloc(void)
{
	bool plain = one_in(6);
	struct box *box;
	int id, i;

	id = pick(is_free_box);
	if (id < 0)
		return NOTHING;
	if (plain)
		box = kobjtree_alloc(struct box, thing[0].tree, NULL,
				     GFP_KERNEL);
	else
		box = kobjtree_alloc(struct box, thing[0].tree, &box_type,
				     GFP_KERNEL);
	if (!box)
		return NOTHING;
	for (i = 0; i < BOX_SIZE; i++)
		real.thing[id + i] = &box->thing[i];
	both_start(id, plain, -1);
	return SAME;
}

static enum outcome do_member(void)
{
	int id = pick(is_free_member), root;
	bool plain = one_in(6);

	if (id < 0)
		return NOTHING;
	root = id - id % BOX_SIZE;
	memset(real.thing[id], 0, sizeof(struct thing));
	both_start(id, plain, root);
	model.object[root].refs++;
	model.object[root].was_held = true;
	kobjtree_init_member(real_tree(id), plain ? NULL : &member_type,
			     real_tree(root));
	return SAME;
}

static enum outcome do_get(void)
{
	int id = pick_owned();
	bool got = true;

	if (id < 0 || model.object[id].owned > 3)
		return NOTHING;
	if (one_in(2))
		got = kobjtree_get_unless_zero(real_tree(id));
	else
		kobjtree_get(real_tree(id));
	model.object[id].refs++;
	model.object[id].owned++;
	return same(got);
}

/* What an owned object holds is alive, and so may be got. */
static enum outcome do_get_held(void)
{
	int id = pick(has_edge);
	struct model *m;

	if (id < 0)
		return NOTHING;
	m = &model.object[id];
	id = m->edge[below(m->nr_edges)].held;
	kobjtree_get(real_tree(id));
	model.object[id].refs++;
	model.object[id].owned++;
	return SAME;
}

static enum outcome do_put(void)
{
	int id = pick_owned();

	if (id < 0)
		return NOTHING;
	kobjtree_put(real_tree(id));
	model.object[id].owned--;
	model_put(id);
	return SAME;
}

/* Behind what is deferred before it, in the queue of the same owner. */
struct sentinel {
	struct kobjtree tree;
	struct kobjtree_action action;
};

DEFINE_KOBJTREE_TYPE(sentinel_type, struct sentinel, tree);

static void sentinel_done(void *data)
{
	complete(&real.done);
}

static enum outcome do_put_async(void)
{
	int id = pick_owned();
	struct sentinel *sentinel;

	if (id < 0)
		return NOTHING;
	sentinel = kobjtree_alloc(struct sentinel, tree,
				  model.object[id].plain ? NULL : &sentinel_type,
				  GFP_KERNEL);
	if (!sentinel)
		return NOTHING;
	kobjtree_embed_action(&sentinel->tree, &sentinel->action,
			      sentinel_done, NULL);
	reinit_completion(&real.done);
	kobjtree_put_async(real_tree(id));
	kobjtree_put_async(&sentinel->tree);
	wait_for_completion(&real.done);
	model.object[id].owned--;
	model_put(id);
	return SAME;
}

static enum outcome do_hold(void)
{
	int holder = pick(is_fresh), held = pick_owned(), place = IN_SLOT;
	bool give = one_in(2);
	struct model *m;

	if (holder < 0 || held == holder)
		return NOTHING;
	m = &model.object[holder];
	if (m->nr_edges == MAX_EDGES)
		return NOTHING;
	if (m->container >= 0 || m->slot_used || one_in(3)) {
		place = below(NR_STORED);
		if (model_find_place(m, place) >= 0)
			return NOTHING;
	} else {
		m->slot_used = true;
	}
	if (give && place < 0)
		kobjtree_hold_give(real_tree(holder), real_tree(held));
	else if (give)
		kobjtree_hold_edge_give(real_tree(holder),
					real_edge(holder, place),
					real_tree(held));
	else if (place < 0)
		kobjtree_hold(real_tree(holder), real_tree(held));
	else
		kobjtree_hold_edge(real_tree(holder), real_edge(holder, place),
				   real_tree(held));
	if (give)
		model.object[held].owned--;
	else
		model.object[held].refs++;
	return same(!model_link(holder, place, held));
}

static unsigned long linked, refused, busy;

static void count_link(int ret)
{
	linked += !ret;
	refused += ret == -ELOOP;
	busy += ret == -EBUSY;
}

static enum outcome do_link(void)
{
	int holder = pick_owned(), held = pick_owned(), place, ret, expected;

	if (holder < 0 || !pick_place(holder, &place))
		return NOTHING;
	ret = kobjtree_link(real_tree(holder), real_edge(holder, place),
			    real_tree(held));
	expected = model_link(holder, place, held);
	if (!expected)
		model.object[held].refs++;
	count_link(expected);
	return same(ret == expected);
}

static enum outcome do_link_give(void)
{
	int holder = pick_owned(), held = pick_owned(), place, ret, expected;

	if (holder < 0 || !pick_place(holder, &place))
		return NOTHING;
	ret = kobjtree_link_give(real_tree(holder), real_edge(holder, place),
				 real_tree(held));
	expected = model_link(holder, place, held);
	if (!expected)
		model.object[held].owned--;
	count_link(expected);
	return same(ret == expected);
}

static enum outcome do_unlink(void)
{
	int holder = pick(has_edge), place = below(NR_STORED), i;
	struct model *m;
	bool found;

	if (holder < 0)
		return NOTHING;
	m = &model.object[holder];
	found = kobjtree_unlink(real_tree(holder), real_edge(holder, place));
	i = model_find_place(m, place);
	if (i >= 0)
		model_drop_edge(m, i);
	return same(found == (i >= 0));
}

/* Mostly one that there is an edge to. */
static enum outcome do_drop(void)
{
	int holder = pick(has_edge), held, i;
	struct model *m;
	bool found;

	if (holder < 0)
		return NOTHING;
	m = &model.object[holder];
	held = m->edge[below(m->nr_edges)].held;
	if (one_in(8))
		held = pick_owned();
	found = kobjtree_drop(real_tree(holder), real_tree(held));
	i = model_find_held(m, held);
	if (i >= 0)
		model_drop_edge(m, i);
	return same(found == (i >= 0));
}

static int model_move(int from, int from_place, int to, int to_place)
{
	struct model *m = &model.object[from];
	int i = model_find_place(m, from_place), held, ret;

	if (i < 0)
		return -ENOENT;
	held = m->edge[i].held;
	ret = model_link(to, to_place, held);
	count_link(ret);
	if (ret)
		return ret;
	model.object[held].refs++;
	model_drop_place(m, from_place);
	return 0;
}

static enum outcome do_move(void)
{
	int from = pick(has_edge), to = pick_owned(), place, to_place, ret;

	if (from < 0 || !pick_place(to, &to_place))
		return NOTHING;
	place = below(NR_STORED);
	ret = kobjtree_move(real_tree(from), real_edge(from, place),
			    real_tree(to), real_edge(to, to_place));
	return same(ret == model_move(from, place, to, to_place));
}

/* === Actions and what is carried === */

/* Give a reference of the test's to @carry on both sides, sometimes. */
static void both_carry(int *carry, struct kobjtree **real_carry)
{
	int id = one_in(3) ? pick_owned() : -1;

	*carry = id;
	*real_carry = id < 0 ? NULL : real_tree(id);
	if (id >= 0)
		model.object[id].owned--;
}

static enum outcome do_add_action(void)
{
	int id = pick_owned(), action, i, ret = 0;
	struct deed *deed;
	struct model *m;

	if (id < 0 || model.object[id].nr_actions == MAX_ACTIONS)
		return NOTHING;
	m = &model.object[id];
	for (i = 0; model.action[id * MAX_ACTIONS + i].used; i++)
		;
	action = id * MAX_ACTIONS + i;
	deed = &real.deed[action];
	deed->id = action;
	model.action[action].used = true;
	m->action[m->nr_actions++] = action;

	/* before @id's last reference of the test may be what is carried */
	if (one_in(2))
		kobjtree_embed_action(real_tree(id), &deed->storage, deed_run,
				      deed);
	else if (one_in(2))
		ret = kobjtree_add_action(real_tree(id), deed_run, deed);
	else
		ret = kobjtree_add_action_or_reset(real_tree(id), deed_run,
						   deed);
	both_carry(&model.action[action].carry, &deed->carry);
	return same(!ret);
}

static int model_take_action(struct model *m, int i)
{
	int action = m->action[i];

	m->nr_actions--;
	memmove(&m->action[i], &m->action[i + 1],
		(m->nr_actions - i) * sizeof(m->action[0]));
	model.action[action].used = false;
	return action;
}

static enum outcome do_remove_action(void)
{
	int id = pick(has_action), action;
	struct model *m;
	bool removed, again;

	if (id < 0)
		return NOTHING;
	m = &model.object[id];
	action = model_take_action(m, below(m->nr_actions));
	removed = kobjtree_remove_action(real_tree(id), deed_run,
					 &real.deed[action]);
	again = kobjtree_remove_action(real_tree(id), deed_run,
				       &real.deed[action]);
	real_put_carried(&real.deed[action].carry);
	model_put_carried(&model.action[action].carry);
	return same(removed && !again);
}

static enum outcome do_release_action(void)
{
	int id = pick(has_action), action;
	struct model *m;
	bool released;

	if (id < 0)
		return NOTHING;
	m = &model.object[id];
	action = model_take_action(m, below(m->nr_actions));
	released = kobjtree_release_action(real_tree(id), deed_run,
					   &real.deed[action]);
	/* no cascade runs: what it puts goes at once */
	add_event(&model.events, ACTION, action);
	model_put_carried(&model.action[action].carry);
	return same(released);
}

static enum outcome do_carry(void)
{
	int id = pick_owned();
	struct model *m;

	if (id < 0 || model.object[id].plain || has_carry(id))
		return NOTHING;
	m = &model.object[id];
	if (m->container < 0 && one_in(2))
		both_carry(&m->carry_free, &real.thing[id]->carry_free);
	else
		both_carry(&m->carry, &real.thing[id]->carry);
	return SAME;
}

static bool action_carries(int id)
{
	int i;

	for (i = id * MAX_ACTIONS; i < (id + 1) * MAX_ACTIONS; i++)
		if (model.action[i].used && model.action[i].carry >= 0)
			return true;
	return false;
}

static enum outcome do_uncarry_action(void)
{
	int id = pick(action_carries), i;

	if (id < 0)
		return NOTHING;
	for (i = id * MAX_ACTIONS; i < (id + 1) * MAX_ACTIONS; i++) {
		if (!model.action[i].used || model.action[i].carry < 0)
			continue;
		real_put_carried(&real.deed[i].carry);
		model_put_carried(&model.action[i].carry);
		break;
	}
	return SAME;
}

/* What an object carries can keep the object: nobody else would end that. */
static enum outcome do_uncarry(void)
{
	int id = pick(has_carry);
	struct model *m;

	if (id < 0 || one_in(2))
		return do_uncarry_action();
	m = &model.object[id];
	if (m->carry >= 0) {
		real_put_carried(&real.thing[id]->carry);
		model_put_carried(&m->carry);
	} else {
		real_put_carried(&real.thing[id]->carry_free);
		model_put_carried(&m->carry_free);
	}
	return SAME;
}

/* === Weak references and memory === */

static enum outcome do_weak_set(void)
{
	int id = pick_owned(), i = below(NR_WEAK);

	if (id < 0)
		return NOTHING;
	kobjtree_weak_set(&real.weak[i], real_tree(id));
	model.weak[i] = id;
	return SAME;
}

static enum outcome do_weak_get(void)
{
	int i = below(NR_WEAK), id = model.weak[i];
	struct kobjtree *obj = kobjtree_weak_get(&real.weak[i]);

	if (id >= 0) {
		model.object[id].refs++;
		model.object[id].owned++;
	}
	return same(obj == (id < 0 ? NULL : real_tree(id)));
}

static enum outcome do_weak_clear(void)
{
	int i = below(NR_WEAK);

	kobjtree_weak_clear(&real.weak[i]);
	model.weak[i] = -1;
	return SAME;
}

static enum outcome do_kzalloc(void)
{
	int id = pick_owned(), i = below(MAX_BLOCKS);
	u8 *block;

	if (id < 0 || real.block[id][i])
		return NOTHING;
	block = kobjtree_kzalloc(real_tree(id), 32, GFP_KERNEL);
	if (!block)
		return NOTHING;
	real.block[id][i] = block;
	if (memchr_inv(block, 0, 32))
		return DIFFERENT;
	memset(block, id, 32);
	return SAME;
}

static enum outcome do_kfree(void)
{
	int id = pick_owned(), i = below(MAX_BLOCKS);
	u8 *block;

	if (id < 0 || !real.block[id][i])
		return NOTHING;
	block = real.block[id][i];
	if (memchr_inv(block, id, 32))
		return DIFFERENT;
	kobjtree_kfree(real_tree(id), block);
	real.block[id][i] = NULL;
	return SAME;
}

/* === The run === */

struct operation {
	const char *name;
	enum outcome (*run)(void);
	unsigned long runs;
};

static struct operation op[] = {
	{ "alloc", do_alloc },
	{ "member", do_member },
	{ "get", do_get },
	{ "get_held", do_get_held },
	{ "put", do_put },
	{ "put_async", do_put_async },
	{ "hold", do_hold },
	{ "link", do_link },
	{ "link_give", do_link_give },
	{ "unlink", do_unlink },
	{ "drop", do_drop },
	{ "move", do_move },
	{ "add_action", do_add_action },
	{ "remove_action", do_remove_action },
	{ "release_action", do_release_action },
	{ "carry", do_carry },
	{ "uncarry", do_uncarry },
	{ "weak_set", do_weak_set },
	{ "weak_get", do_weak_get },
	{ "weak_clear", do_weak_clear },
	{ "kzalloc", do_kzalloc },
	{ "kfree", do_kfree },
};

/* How often each, in the order of op[]. */
struct mixture {
	const char *name;
	u8 weight[ARRAY_SIZE(op)];
};

static const struct mixture mixtures[] = {
	{ "a bit of everything",
	  { 18, 9, 5, 5, 14, 1, 7, 8, 10, 4, 3, 5, 5, 2, 2, 2, 4, 3, 4, 1, 3,
	    2 } },
	{ "deep graphs",
	  { 20, 4, 2, 7, 5, 1, 8, 6, 24, 2, 2, 4, 2, 1, 1, 1, 3, 1, 2, 1, 1,
	    1 } },
	{ "members",
	  { 12, 24, 4, 7, 14, 1, 5, 8, 12, 3, 3, 4, 2, 1, 1, 2, 3, 1, 2, 1, 1,
	    1 } },
	{ "callbacks that put",
	  { 20, 4, 6, 6, 11, 1, 3, 4, 8, 2, 2, 2, 12, 2, 5, 9, 5, 1, 2, 1, 1,
	    1 } },
	{ "edges that come and go",
	  { 7, 3, 3, 3, 6, 0, 4, 20, 4, 14, 8, 16, 1, 1, 1, 1, 2, 1, 2, 1, 1,
	    1 } },
};

static void mixture_desc(const struct mixture *mixture, char *desc)
{
	strscpy(desc, mixture->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(mixture, mixtures, mixture_desc);

static struct operation *pick_operation(const struct mixture *mixture)
{
	int i, sum = 0, n;

	for (i = 0; i < ARRAY_SIZE(op); i++)
		sum += mixture->weight[i];
	n = below(sum);
	for (i = 0; n >= mixture->weight[i]; i++)
		n -= mixture->weight[i];
	return &op[i];
}

static void print_events(struct kunit *test, const char *whose,
			 const struct events *events)
{
	char line[128];
	int i, len = 0;

	for (i = 0; i < min(events->nr, MAX_EVENTS); i++) {
		len += scnprintf(line + len, sizeof(line) - len, " %c%d",
				 events->list[i].what, events->list[i].id);
		if (len < sizeof(line) - 8 && i < events->nr - 1)
			continue;
		kunit_info(test, "%s:%s", whose, line);
		len = 0;
	}
}

static bool same_events(void)
{
	return real.events.nr == model.events.nr &&
	       real.events.nr <= MAX_EVENTS &&
	       !memcmp(real.events.list, model.events.list,
		       real.events.nr * sizeof(real.events.list[0]));
}

/* Return: an object whose count differs, or -1. */
static int wrong_count(void)
{
	int id;

	for (id = 0; id < NR_OBJECTS; id++)
		if (model.object[id].exists &&
		    kref_read(&real_tree(id)->ref) != model.object[id].refs)
			return id;
	return -1;
}

/* Compare the two sides after an operation. */
static bool check(struct kunit *test, enum outcome outcome, unsigned long n,
		  const char *name)
{
	const char *why = real.broken;
	int id = n % 16 ? -1 : wrong_count();

	if (id >= 0)
		why = "a count differs";
	if (outcome == DIFFERENT)
		why = "another result";
	if (!same_events())
		why = "another order of calls";
	if (why) {
		print_events(test, "expected", &model.events);
		print_events(test, "called", &real.events);
		KUNIT_FAIL(test, "seed %lu, operation %lu, %s: %s (object %d)",
			   seed, n, name, why, id);
	}
	real.events.nr = 0;
	model.events.nr = 0;
	return !why;
}

static void both_init(void)
{
	int i;

	memset(&model, 0, sizeof(model));
	memset(&real, 0, sizeof(real));
	for (i = 0; i < NR_WEAK; i++)
		model.weak[i] = -1;
	for (i = 0; i < ARRAY_SIZE(op); i++)
		op[i].runs = 0;
	init_completion(&real.done);
	linked = 0;
	refused = 0;
	busy = 0;
}

/* Whatever is left goes: edges form no cycle, and what was carried is put. */
static bool take_apart(struct kunit *test, unsigned long n)
{
	bool ok = true;
	int i;

	for (i = 0; i < NR_WEAK; i++)
		kobjtree_weak_clear(&real.weak[i]);
	while (ok && (pick(has_carry) >= 0 || pick(action_carries) >= 0))
		ok = check(test, do_uncarry(), n, "uncarry");
	while (ok && pick_owned() >= 0)
		ok = check(test, do_put(), n, "put");
	for (i = 0; i < NR_OBJECTS && ok; i++)
		ok = !model.object[i].exists;
	return ok;
}

/* A refusal warns, once each, and names the type of the holder. */
static void may_warn(struct kunit *test)
{
	int i;

	for (i = 0; i < 2; i++) {
		MAY_WARN(test, "kobjtree: box_type:");
		MAY_WARN(test, "kobjtree: member_type:");
		MAY_WARN(test, "kobjtree: plain:");
	}
}

static void random_operations_do_as_the_model(struct kunit *test)
{
	const struct mixture *mixture = test->param_value;
	unsigned long n, end = operations / ARRAY_SIZE(mixtures), alive = 0;
	struct operation *operation;
	enum outcome outcome;
	bool ok = true;
	int i;

	both_init();
	prandom_seed_state(&rnd, seed);
	kunit_info(test, "seed=%lu operations=%lu", seed, operations);
	may_warn(test);
	for (n = 0; n < end && ok; n++) {
		do {
			operation = pick_operation(mixture);
			outcome = operation->run();
		} while (outcome == NOTHING);
		operation->runs++;
		ok = check(test, outcome, n, operation->name);
		cond_resched();
		alive += n % 16 ? 0 : count_alive();
	}
	KUNIT_ASSERT_TRUE(test, ok && take_apart(test, n));
	kobjtree_owner_barrier();

	if (end < 10000)
		return;
	kunit_info(test, "%lu objects, %lu linked, %lu refused, %lu busy, %d deep",
		   alive / (end / 16), linked, refused, busy, model.deepest);
	KUNIT_EXPECT_GT(test, linked, 0UL);
	KUNIT_EXPECT_GT(test, refused, 0UL);
	KUNIT_EXPECT_GT(test, busy, 0UL);
	for (i = 0; i < ARRAY_SIZE(op); i++)
		KUNIT_EXPECT_TRUE_MSG(test, op[i].runs || !mixture->weight[i],
				      "%s never ran", op[i].name);
}

static int random_suite_init(struct kunit_suite *suite)
{
	if (!seed)
		seed = get_random_u32();
	return 0;
}

static struct kunit_case random_cases[] = {
	KUNIT_CASE_PARAM(random_operations_do_as_the_model,
			 mixture_gen_params),
	{}
};

static struct kunit_suite random_suite = {
	.name = "kobjtree_random",
	.suite_init = random_suite_init,
	.test_cases = random_cases,
};

kunit_test_suite(random_suite);

MODULE_DESCRIPTION("KUnit test of kobjtree against a model");
MODULE_LICENSE("GPL");
