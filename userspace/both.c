// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operations, each on the core and on the model, which must agree: on what the call
 * returns, what is called and freed and in which order, what is warned of, and on
 * every count. Who may call what is decided here, by the model.
 *
 * An allocation is a root object and room for members; an id is one object at most
 * at a time.
 */
#include <linux/kobjtree.h>

#include "both.h"
#include "internal.h"

struct real_carry {
	struct kobjtree *obj;
	bool async;
};

struct thing {
	struct kobjtree tree;
	struct kobjtree_edge edge[NR_PLACES];
	int id;
	unsigned char undo;
	struct real_carry on_release, on_free;
};

struct box {
	long pad;		/* the object is not where the memory begins */
	struct thing root;
	struct thing member[NR_OBJECTS];
};

struct deed {
	struct kobjtree_action storage;
	struct real_carry carry;
	int id;
};

static struct {
	struct thing *thing[NR_OBJECTS];
	struct deed deed[NR_OBJECTS * NR_DEEDS];
	char *block[NR_OBJECTS * NR_BLOCKS];
	struct kobjtree_weak weak[NR_WEAK];
	struct events events;
	int warnings;
	char warning[160];
	const char *broken;
	long allocated;
	int nr_resets;
} real;

static struct op history[64];
static unsigned int nr_history;

void (*both_failed)(void) = abort;

void shim_warn(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(real.warning, sizeof(real.warning), format, args);
	va_end(args);
	real.warnings++;
}

/* === Disagreement === */

static void print_events(const char *whose, const struct events *events)
{
	int i;

	fprintf(stderr, "# %s:", whose);
	for (i = 0; i < events->nr && i < MAX_EVENTS; i++)
		fprintf(stderr, " %c%d", events->list[i].what, events->list[i].id);
	fprintf(stderr, "\n");
}

static const char * const op_names[NR_OPS] = {
	"init", "member", "hold", "link", "unlink", "drop", "move", "get",
	"get_held", "put", "put_async", "run", "weak_set", "weak_get",
	"weak_clear", "action", "remove", "release", "alloc", "kfree", "carry",
	"undo",
};

static void disagree(const char *why)
{
	const struct op *op;
	unsigned int i = nr_history > ARRAY_SIZE(history) ?
			 nr_history - ARRAY_SIZE(history) : 0;

	fprintf(stderr, "# %s, after:", why);
	for (; i < nr_history; i++) {
		op = &history[i % ARRAY_SIZE(history)];
		fprintf(stderr, " %s(%d,%d,%d,%d)", op_names[op->what], op->a,
			op->b, op->c, op->d);
	}
	fprintf(stderr, "\n");
	print_events("expected", &model_events);
	print_events("happened", &real.events);
	fprintf(stderr, "# %d warnings, expected %d, \"%s\"; last: %s",
		real.warnings, model_warnings, model_warning,
		real.warnings ? real.warning : "none\n");
	both_failed();
}

/* What @weak names, without a get, which would be one more operation. */
static const struct kobjtree *named(const struct kobjtree_weak *weak)
{
	return (const struct kobjtree *)-weak->hidden;
}

static bool same_weak(void)
{
	int i, id;

	for (i = 0; i < NR_WEAK; i++) {
		id = model.weak[i];
		if (named(&real.weak[i]) != (id < 0 ? NULL : &real.thing[id]->tree))
			return false;
	}
	return true;
}

static bool same_counts(void)
{
	long owned = 1;		/* the anchor */
	const struct model_object *m;
	int id, i;

	for (id = 0; id < NR_OBJECTS; id++) {
		m = &model.object[id];
		if (!m->exists)
			continue;
		if (kref_read(&real.thing[id]->tree.ref) != m->refs)
			return false;
		owned++;
		for (i = 0; i < m->nr_hung; i++)
			owned += m->hung[i].what == DEED;
	}
	return atomic_long_read(&__kobjtree_owner.count) == owned;
}

static void compare(bool same_result)
{
	const char *why = real.broken;

	if (!same_result)
		why = "another result";
	else if (real.events.nr != model_events.nr || real.events.nr > MAX_EVENTS ||
		 memcmp(real.events.list, model_events.list,
			real.events.nr * sizeof(real.events.list[0])))
		why = "another order";
	else if (real.warnings != model_warnings ||
		 (model_warnings && !strstr(real.warning, model_warning)))
		why = "another warning";
	else if (!same_counts())
		why = "another count";
	else if (!same_weak())
		why = "another weak reference";
	else if (current->locks)
		why = "a lock is left";
	if (why)
		disagree(why);
	real.events.nr = 0;
	model_events.nr = 0;
	real.warnings = 0;
	model_warnings = 0;
}

/* === The objects === */

static void put_carried(struct real_carry *carry)
{
	struct kobjtree *obj = carry->obj;

	carry->obj = NULL;
	if (!obj)
		return;
	if (carry->async)
		kobjtree_put_async(obj);
	else
		kobjtree_put(obj);
}

static void run_deed(void *data)
{
	struct deed *deed = data;

	might_sleep();
	event(&real.events, 'a', deed->id);
	put_carried(&deed->carry);
}

/* Alive at all times, and on no list of the model's. */
static void keep(struct kobjtree *obj)
{
}

DEFINE_KOBJTREE_TYPE(anchor_type, struct thing, tree, .free = keep);
static struct thing anchor;

static void called(void *data)
{
	(*(int *)data)++;
}

static void try_dead(struct thing *t)
{
	struct kobjtree *obj = &t->tree, *a = &anchor.tree;
	struct kobjtree_action action = {};
	struct kobjtree_weak weak = {};
	int n = 0;

	if (kobjtree_get_unless_zero(obj))
		real.broken = "a dead object was got";
	if (kobjtree_kzalloc(obj, 8, GFP_KERNEL) ||
	    kobjtree_kstrdup(obj, "", GFP_KERNEL))
		real.broken = "memory for a dead object";
	if (kobjtree_add_action(obj, called, &n) != -ENODEV || n ||
	    kobjtree_add_action_or_reset(obj, called, &n) != -ENODEV || n != 1)
		real.broken = "an action for a dead object";
	kobjtree_weak_set(&weak, obj);
	if (named(&weak))
		real.broken = "a weak reference to a dead object";
	if (kobjtree_link(obj, NULL, a) != -ENODEV ||
	    kobjtree_link(a, NULL, obj) != -ENODEV ||
	    kobjtree_link_give(a, &anchor.edge[0], obj) != -ENODEV)
		real.broken = "an edge of a dead object";
	kobjtree_hold_edge(a, &anchor.edge[0], obj);
	kobjtree_embed_action(obj, &action, called, &n);
	if (kref_read(&a->ref) != 1 || kobjtree_drop(a, obj))
		real.broken = "a refusal changed something";
}

static bool remove_deed(struct kobjtree *obj, int deed)
{
	return kobjtree_remove_action(obj, run_deed, &real.deed[deed]);
}

static void kfree_block(struct kobjtree *obj, int block)
{
	char *p = real.block[block];

	kobjtree_kfree(obj, p);
}

static void release(struct kobjtree *obj)
{
	struct thing *t = container_of(obj, struct thing, tree);
	int id = t->id;

	might_sleep();
	event(&real.events, 'r', id);
	if (t->undo & UNDO_TRY)
		try_dead(t);
	if (t->undo & UNDO_UNLINK)
		event(&real.events, '=', kobjtree_unlink(obj, &t->edge[0]));
	if (t->undo & UNDO_KFREE)
		kfree_block(obj, id * NR_BLOCKS);
	if (t->undo & UNDO_REMOVE)
		event(&real.events, '=', remove_deed(obj, id * NR_DEEDS));
	if (t->undo & UNDO_RELEASE)
		kobjtree_release_action(obj, run_deed,
					&real.deed[id * NR_DEEDS + 1]);
	put_carried(&t->on_release);
}

/* Of a block or a box; what else is freed is the core's own. */
void shim_freed(const void *p)
{
	int i;

	for (i = 0; i < NR_OBJECTS * NR_BLOCKS; i++) {
		if (real.block[i] && real.block[i] - ARCH_KMALLOC_MINALIGN == p) {
			event(&real.events, 'm', i);
			real.block[i] = NULL;
		}
	}
	for (i = 0; i < NR_OBJECTS; i++) {
		if (real.thing[i] &&
		    p == container_of(real.thing[i], struct box, root)) {
			event(&real.events, 'f', i);
			real.thing[i] = NULL;
		}
	}
}

static void free_box(struct kobjtree *obj)
{
	struct box *box = container_of(obj, struct box, root.tree);
	struct real_carry carry = box->root.on_free;

	kfree(box);
	put_carried(&carry);
}

static struct kmem_cache cache = { sizeof(struct box) }, *cachep = &cache;

DEFINE_KOBJTREE_TYPE(free_type, struct box, root.tree,
		     .release = release, .free = free_box);
DEFINE_KOBJTREE_TYPE(kfree_type, struct box, root.tree, .release = release);
DEFINE_KOBJTREE_TYPE(cache_type, struct box, root.tree,
		     .release = release, .cache = &cachep);
DEFINE_KOBJTREE_TYPE(rcu_type, struct box, root.tree,
		     .release = release, .rcu = true);
DEFINE_KOBJTREE_TYPE(member_type, struct thing, tree, .release = release,
		     .rcu = true);

static struct kobjtree *tree(int id)
{
	return &real.thing[id]->tree;
}

static struct kobjtree_edge *edge(int id, int place)
{
	return place == SLOT || place == ALLOCATED ? NULL :
	       &real.thing[id]->edge[place - STORED];
}

/* === The operations === */

static bool mine(int id)
{
	return model.object[id].exists && model.object[id].owned > 0;
}

static bool more(int id)
{
	return mine(id) && model.object[id].owned < 3;
}

static bool room(int id)
{
	return mine(id) && model.object[id].nr_hung < MAX_HUNG;
}

static bool owns_dead(int id)
{
	return model.object[id].owned > 0;
}

static void adopt(int id, struct thing *t)
{
	real.thing[id] = t;
	t->id = id;
}

static bool do_init(struct op op)
{
	static const struct kobjtree_type * const types[NR_KINDS] = {
		&free_type, NULL, &cache_type, &rcu_type, NULL,
	};
	struct box *box;

	if (model.object[op.a].exists)
		return false;
	if (op.b == KFREED) {
		box = kzalloc_obj(*box);
		memset(&box->root.tree, 0xa5, sizeof(box->root.tree));
		kobjtree_init(&box->root.tree, &kfree_type);
	} else {
		box = kobjtree_alloc(struct box, root.tree, types[op.b], GFP_KERNEL);
	}
	adopt(op.a, &box->root);
	model_init(op.a, op.b);
	compare(!box->pad && !box->root.edge[0].held);
	return true;
}

static bool do_member(struct op op)
{
	struct box *box;
	struct thing *t;
	int root = op.b;

	if (model.object[op.a].exists || !mine(op.b))
		return false;
	while (model.object[root].container >= 0)
		root = model.object[root].container;
	box = container_of(real.thing[root], struct box, root);
	t = &box->member[op.a];
	memset(t, 0, sizeof(*t));
	memset(&t->tree, 0xa5, sizeof(t->tree));
	kobjtree_init_member(&t->tree, op.c ? NULL : &member_type, tree(op.b));
	adopt(op.a, t);
	model_member(op.a, op.c, op.b);
	compare(true);
	return true;
}

static bool do_hold(struct op op)
{
	int ret;

	if (!room(op.a) || !more(op.b) || op.c == ALLOCATED)
		return false;
	if (op.d)
		kobjtree_hold_edge_give(tree(op.a), edge(op.a, op.c), tree(op.b));
	else
		kobjtree_hold_edge(tree(op.a), edge(op.a, op.c), tree(op.b));
	ret = model_link(op.a, op.b, op.c, true);
	/* Misuse leaks the reference: here, to the caller. */
	if (!op.d)
		model.object[op.b].refs++;
	model.object[op.b].owned += !ret ? -op.d : !op.d;
	compare(true);
	return true;
}

static bool do_link(struct op op)
{
	int ret, expected;

	if (!room(op.a) || !mine(op.b) || op.c == SLOT)
		return false;
	if (op.d)
		ret = kobjtree_link_give(tree(op.a), edge(op.a, op.c), tree(op.b));
	else
		ret = kobjtree_link(tree(op.a), edge(op.a, op.c), tree(op.b));
	expected = model_link(op.a, op.b, op.c, false);
	if (!expected && op.d)
		model.object[op.b].owned--;
	if (!expected && !op.d)
		model.object[op.b].refs++;
	compare(ret == expected);
	return true;
}

static bool do_unlink(struct op op)
{
	bool found;

	if (!mine(op.a) || op.b == SLOT || op.b == ALLOCATED)
		return false;
	found = kobjtree_unlink(tree(op.a), edge(op.a, op.b));
	compare(found == model_unlink(op.a, op.b));
	return true;
}

static bool do_drop(struct op op)
{
	bool found;

	if (!mine(op.a) || !model.object[op.b].exists || model_dead(op.b))
		return false;
	found = kobjtree_drop(tree(op.a), tree(op.b));
	compare(found == model_drop(op.a, op.b));
	return true;
}

static bool do_move(struct op op)
{
	int ret;

	if (!mine(op.a) || !room(op.c) || op.b == SLOT || op.b == ALLOCATED ||
	    op.d == SLOT)
		return false;
	ret = kobjtree_move(tree(op.a), edge(op.a, op.b), tree(op.c),
			    edge(op.c, op.d));
	compare(ret == model_move(op.a, op.b, op.c, op.d));
	return true;
}

static bool do_get(struct op op)
{
	bool got = true;

	if (!more(op.a))
		return false;
	if (op.b)
		got = kobjtree_get_unless_zero(tree(op.a));
	else
		got = kobjtree_get(tree(op.a)) == tree(op.a);
	model.object[op.a].refs++;
	model.object[op.a].owned++;
	compare(got);
	return true;
}

static bool do_get_held(struct op op)
{
	if (!mine(op.a) || !model_has(op.a, EDGE, op.b) ||
	    model.object[op.b].owned >= 3)
		return false;
	kobjtree_get(tree(op.b));
	model.object[op.b].refs++;
	model.object[op.b].owned++;
	compare(true);
	return true;
}

static bool do_put(struct op op)
{
	if (!mine(op.a))
		return false;
	model.object[op.a].owned--;
	if (op.what == OP_PUT) {
		kobjtree_put(tree(op.a));
		model_put(op.a);
	} else {
		kobjtree_put_async(tree(op.a));
		model_put_async(op.a);
	}
	compare(true);
	return true;
}

static bool do_run(struct op op)
{
	while (shim_run())
		;
	model_run();
	compare(true);
	return true;
}

static bool do_weak(struct op op)
{
	struct kobjtree *obj;
	int id;

	if (op.what == OP_WEAK_SET) {
		if (!mine(op.b))
			return false;
		kobjtree_weak_set(&real.weak[op.a], tree(op.b));
		model.weak[op.a] = op.b;
		compare(true);
		return true;
	}
	if (op.what == OP_WEAK_CLEAR) {
		kobjtree_weak_clear(&real.weak[op.a]);
		model.weak[op.a] = NOBODY;
		compare(true);
		return true;
	}
	id = model_weak_get(op.a);
	if (id >= 0 && model.object[id].owned >= 3)
		return false;
	obj = kobjtree_weak_get(&real.weak[op.a]);
	if (id >= 0) {
		model.object[id].refs++;
		model.object[id].owned++;
	}
	compare(obj == (id < 0 ? NULL : tree(id)));
	return true;
}

static bool do_action(struct op op)
{
	int deed = op.a * NR_DEEDS + op.b, ret = 0;
	struct deed *d = &real.deed[deed];

	if (!room(op.a) || model_has(op.a, DEED, deed))
		return false;
	d->id = deed;
	if (op.c == 0)
		kobjtree_embed_action(tree(op.a), &d->storage, run_deed, d);
	else if (op.c == 1)
		ret = kobjtree_add_action(tree(op.a), run_deed, d);
	else
		ret = kobjtree_add_action_or_reset(tree(op.a), run_deed, d);
	model_hang(op.a, DEED, deed);
	compare(!ret);
	return true;
}

static bool do_end_action(struct op op)
{
	int deed = op.a * NR_DEEDS + op.b;
	bool ret, expected;

	if (!mine(op.a))
		return false;
	if (op.what == OP_REMOVE)
		ret = remove_deed(tree(op.a), deed);
	else
		ret = kobjtree_release_action(tree(op.a), run_deed,
					      &real.deed[deed]);
	expected = model_take(op.a, DEED, deed);
	if (expected && op.what == OP_RELEASE)
		model_deed(deed);
	compare(ret == expected);
	return true;
}

static bool do_memory(struct op op)
{
	int block = op.a * NR_BLOCKS + op.b;
	bool hangs = model_has(op.a, BLOCK, block), ok = true;
	char *p;

	if (!room(op.a) || (hangs && op.what != OP_KFREE) ||
	    (!hangs && op.what == OP_KFREE))
		return false;
	if (op.what == OP_KFREE) {
		kfree_block(tree(op.a), block);
		model_take(op.a, BLOCK, block);
		event(&model_events, 'm', block);
	} else if (op.c) {
		p = kobjtree_kstrdup(tree(op.a), "seven", GFP_KERNEL);
		ok = !strcmp(p, "seven");
		real.block[block] = p;
		model_hang(op.a, BLOCK, block);
	} else {
		p = kobjtree_kzalloc(tree(op.a), 24, GFP_KERNEL);
		ok = !p[0] && !p[23] && !((uintptr_t)p % ARCH_KMALLOC_MINALIGN);
		memset(p, 0xff, 24);
		real.block[block] = p;
		model_hang(op.a, BLOCK, block);
	}
	compare(ok);
	return true;
}

static bool do_carry(struct op op)
{
	int deed = op.a * NR_DEEDS + op.c - 2;
	struct model_object *m = &model.object[op.a];
	struct real_carry *carry;
	struct carry *expected;

	if (!m->exists || model_dead(op.a) || !mine(op.b))
		return false;
	if (op.c == 0 && m->kind != PLAIN) {
		expected = &m->on_release;
		carry = &real.thing[op.a]->on_release;
	} else if (op.c == 1 && m->kind == FREED_BY_TYPE) {
		expected = &m->on_free;
		carry = &real.thing[op.a]->on_free;
	} else if (op.c >= 2 && model_has(op.a, DEED, deed)) {
		expected = &model.deed[deed];
		carry = &real.deed[deed].carry;
	} else {
		return false;
	}
	if (carry->obj)
		return false;
	*carry = (struct real_carry){ tree(op.b), op.d };
	*expected = (struct carry){ op.b, op.d };
	model.object[op.b].owned--;
	compare(true);
	return true;
}

static bool do_undo(struct op op)
{
	struct model_object *m = &model.object[op.a];

	if (!mine(op.a) || m->kind == PLAIN || m->undo & (1 << op.b))
		return false;
	m->undo |= 1 << op.b;
	real.thing[op.a]->undo = m->undo;
	return true;
}

static bool (*const ops[NR_OPS])(struct op op) = {
	do_init, do_member, do_hold, do_link, do_unlink, do_drop, do_move,
	do_get, do_get_held, do_put, do_put, do_run, do_weak, do_weak, do_weak,
	do_action, do_end_action, do_end_action, do_memory, do_memory, do_carry,
	do_undo,
};

bool both(struct op op)
{
	history[nr_history++ % ARRAY_SIZE(history)] = op;
	if (ops[op.what](op))
		return true;
	nr_history--;
	return false;
}

/* === From nothing to nothing === */

void both_start(void)
{
	int i;

	if (!anchor.tree.type)
		kobjtree_init(&anchor.tree, &anchor_type);
	model_reset();
	for (i = 0; i < NR_OBJECTS * NR_DEEDS; i++)
		model.deed[i].id = NOBODY;
	nr_history = 0;
	real.allocated = shim_allocated;
}

static void uncarry(struct carry *expected, struct real_carry *carry)
{
	int id = expected->id;

	if (id == NOBODY)
		return;
	expected->id = NOBODY;
	carry->obj = NULL;
	kobjtree_put(tree(id));
	model_put(id);
	compare(true);
}

/* What is carried may keep who carries it. */
static void uncarry_all(void)
{
	int id;

	for (id = 0; id < NR_OBJECTS; id++) {
		if (model.object[id].exists)
			uncarry(&model.object[id].on_release,
				&real.thing[id]->on_release);
		if (model.object[id].exists)
			uncarry(&model.object[id].on_free,
				&real.thing[id]->on_free);
	}
	for (id = 0; id < NR_OBJECTS * NR_DEEDS; id++)
		uncarry(&model.deed[id], &real.deed[id].carry);
}

void both_end(void)
{
	int id, i;

	both((struct op){ OP_RUN });
	uncarry_all();
	for (id = 0; id < NR_OBJECTS; id++)
		while (owns_dead(id) && both((struct op){ OP_PUT, id }))
			;
	both((struct op){ OP_RUN });
	for (i = 0; i < NR_WEAK; i++)
		both((struct op){ OP_WEAK_CLEAR, i });
	for (id = 0; id < NR_OBJECTS; id++)
		if (model.object[id].exists)
			real.broken = "something is left";
	if (real.allocated != shim_allocated)
		real.broken = "memory is left";
	compare(true);
}

/* === Where it is === */

static unsigned long long mix(unsigned long long hash, const void *p, size_t size)
{
	const unsigned char *byte = p;

	while (size--)
		hash = (hash ^ *byte++) * 0x100000001b3ull;
	return hash ^ hash >> 29;
}

static unsigned long long mix_core(unsigned long long hash, struct kobjtree *obj)
{
	struct kobjtree_edge *e;
	unsigned char c[2] = { obj->flags, obj->visited };
	unsigned long p;

	hash = mix(hash, c, sizeof(c));
	for (p = obj->head; p; p = kobjtree_node(p)->next) {
		c[0] = kobjtree_kind(p);
		e = container_of(kobjtree_node(p), struct kobjtree_edge, node);
		c[1] = c[0] == KOBJTREE_KIND_EDGE ? e->held & KOBJTREE_EDGE_FLAGS : 0;
		hash = mix(hash, c, sizeof(c));
	}
	return hash;
}

/* The same for the same state, of the model and of the core's objects. */
unsigned long long both_state(void)
{
	unsigned long long hash = mix(0xcbf29ce484222325ull, &model, sizeof(model));
	int id;

	for (id = 0; id < NR_OBJECTS; id++)
		if (model.object[id].exists && !model_dead(id))
			hash = mix_core(hash, tree(id));
	return hash;
}
