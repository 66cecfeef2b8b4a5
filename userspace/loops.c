// SPDX-License-Identifier: GPL-2.0-only
/*
 * Objects that may hold each other in cycles, and their collector: at random against
 * a model, beside others who come between, without memory, and misused.
 *
 * The model is numbers, and says of each operation what is called and freed in which
 * order. Where others come between, it does not say what they get; but what nobody
 * can reach must go in the end, and nothing else, and each once.
 */
#include <linux/kobjtree_cyclic.h>

#include <pthread.h>

#include "check.h"
#include "internal.h"

#define OBJECTS		48
#define EDGES		2
#define LINKS		96	/* of one object, more than are looked at in one go */
#define RUNS		3000
#define STEPS		60

enum { SLOT = EDGES, ALLOCATED };	/* where an edge is, if not embedded */

struct one {
	struct kobjtree_cyclic cyclic;	/* of ordinary ones .tree alone */
	struct kobjtree_edge edge[EDGES];
	void (*on_release)(struct one *o);
	int id;
};

/* === What is said and done === */

static char log_[16 * OBJECTS], expected[16 * OBJECTS];
static int went;

static void note(char *log, char what, int id)
{
	size_t n = strlen(log);

	if (n + 5 < sizeof(log_))
		sprintf(log + n, "%c%d ", what, id);
}

static void expect_log(const char *order)
{
	if (strcmp(log_, order))
		fail("the order");
	if (broken && *log_)
		printf("# %s\n# %s\n", log_, order);
	*log_ = 0;
}

/* === Objects === */

static struct one *ones[OBJECTS];
static struct kobjtree_weak weak[OBJECTS];

static void one_release(struct kobjtree *obj)
{
	struct one *o = container_of(obj, struct one, cyclic.tree);

	note(log_, 'r', o->id);
	if (o->on_release)
		o->on_release(o);
}

static void one_free(struct kobjtree *obj)
{
	struct one *o = container_of(obj, struct one, cyclic.tree);

	note(log_, 'f', o->id);
	went++;
	kfree(o);
}

DEFINE_KOBJTREE_CYCLIC_TYPE(cyclic_type, struct one, cyclic, .release = one_release,
			    .free = one_free);
DEFINE_KOBJTREE_TYPE(plain_type, struct one, cyclic.tree, .release = one_release,
		     .free = one_free);

static struct one *one(int id, bool cyclic)
{
	struct one *o = kobjtree_alloc(struct one, cyclic.tree,
				       cyclic ? &cyclic_type : &plain_type, GFP_KERNEL);

	o->id = id;
	ones[id] = o;
	return o;
}

static struct kobjtree *tree(int id)
{
	return &ones[id]->cyclic.tree;
}

static void link_ok(int holder, struct kobjtree_edge *edge, int held)
{
	if (kobjtree_link(tree(holder), edge, tree(held)))
		fail("a link is refused");
}

/* first => first + 1 => ... => first */
static void ring(int first, int n)
{
	int i;

	for (i = 0; i < n; i++)
		one(first + i, true);
	for (i = 0; i < n; i++)
		link_ok(first + i, &ones[first + i]->edge[0], first + (i + 1) % n);
}

static void put(int first, int n)
{
	int i;

	for (i = 0; i < n; i++)
		kobjtree_put(tree(first + i));
}

static void run(void)
{
	while (shim_run())
		;
}

/* === The model === */

static struct vertex {
	bool there, cyclic, held, slot_used, waits, kept, released;
	int refs, mine;		/* all, and those of the test */
	int back;
	int nr, to[LINKS], where[LINKS];	/* oldest first */
	int mark;
} m[OBJECTS];
static int nr_objects;		/* the number of an object is its age */

static int model_pop(int i, int at)
{
	int held = m[i].to[at];

	m[i].nr--;
	memmove(&m[i].to[at], &m[i].to[at + 1], (m[i].nr - at) * sizeof(int));
	memmove(&m[i].where[at], &m[i].where[at + 1], (m[i].nr - at) * sizeof(int));
	return held;
}

static void model_free(int i)
{
	note(expected, 'f', i);
	m[i].there = false;
}

static void model_put(int i)
{
	int held;

	if (--m[i].refs)
		return;
	note(expected, 'r', i);
	while (m[i].nr) {
		held = model_pop(i, m[i].nr - 1);
		if (m[held].refs || !m[held].back)
			model_put(held);
		else if (!--m[held].back && m[held].waits)
			model_free(held);
	}
	if (m[i].back)
		m[i].waits = true;
	else
		model_free(i);
}

static void model_reach(int i)
{
	int n;

	if (m[i].kept)
		return;
	m[i].kept = true;
	for (n = 0; n < m[i].nr; n++)
		model_reach(m[i].to[n]);
}

static void model_reach_all(void)
{
	int i;

	for (i = 0; i < nr_objects; i++)
		m[i].kept = false;
	for (i = 0; i < nr_objects; i++)
		if (m[i].there && m[i].mine)
			model_reach(i);
}

static bool garbage(int i)
{
	return m[i].there && m[i].cyclic && !m[i].kept;
}

/* Oldest edges first; what leads back into the path is counted apart. */
static void model_search(int i, bool close)
{
	int n, j;

	m[i].mark = 1;
	for (n = 0; n < m[i].nr; n++) {
		j = m[i].to[n];
		if (!garbage(j))
			continue;
		if (!m[j].mark) {
			model_search(j, close);
		} else if (m[j].mark == 1 && close) {
			m[j].back++;
			m[j].refs--;
		}
	}
	m[i].mark = 2;
}

/* As the manual says; how many are garbage. */
static int model_collect(void)
{
	int roots[OBJECTS], nr = 0, i, n = 0;

	model_reach_all();
	for (i = 0; i < nr_objects; i++) {
		m[i].mark = 0;
		n += garbage(i);
	}
	for (i = 0; i < nr_objects; i++)
		if (garbage(i) && !m[i].mark) {
			model_search(i, false);
			roots[nr++] = i;
		}
	for (i = 0; i < nr_objects; i++)
		m[i].mark = 0;
	for (i = nr; i--;) {
		if (m[roots[i]].mark) {
			roots[i] = -1;
			continue;
		}
		m[roots[i]].refs++;
		model_search(roots[i], true);
	}
	for (i = 0; i < nr; i++)
		if (roots[i] >= 0)
			model_put(roots[i]);
	return n;
}

/* === At random === */

static unsigned int seed;

static int below(int n)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 16) % n;
}

/* One that the test has a reference to, or -1. */
static int any(void)
{
	int i, n;

	for (n = 0; n < 8 && nr_objects; n++) {
		i = below(nr_objects);
		if (m[i].there && m[i].mine)
			return i;
	}
	return -1;
}

static void action(void *data)
{
}

/* With memory and actions of its own, which are no edges. */
static void make(void)
{
	int i = nr_objects;

	if (nr_objects == OBJECTS)
		return;
	nr_objects++;
	m[i] = (struct vertex){ .there = true, .cyclic = below(4), .refs = 1, .mine = 1 };
	one(i, m[i].cyclic);
	kobjtree_weak_set(&weak[i], tree(i));
	if (!below(4))
		CHECK(kobjtree_kzalloc(tree(i), 8, GFP_KERNEL));
	if (!below(4))
		CHECK(!kobjtree_add_action(tree(i), action, NULL));
}

static bool free_place(int i, int where)
{
	int n;

	if (where == SLOT)
		return !m[i].held && !m[i].slot_used;
	for (n = 0; where < SLOT && n < m[i].nr; n++)
		if (m[i].where[n] == where)
			return false;
	return m[i].nr < LINKS;
}

static void connect(int a, int b, int where)
{
	if ((m[b].cyclic || a >= b) && !m[a].cyclic)
		return;
	if (!free_place(a, where))
		return;
	if (where == SLOT) {
		kobjtree_hold(tree(a), tree(b));
		m[a].slot_used = true;
	} else {
		link_ok(a, where == ALLOCATED ? NULL : &ones[a]->edge[where], b);
	}
	m[a].to[m[a].nr] = b;
	m[a].where[m[a].nr++] = where;
	m[b].refs++;
	m[b].held = true;
}

static void disconnect(int a, int where)
{
	bool there;
	int n;

	for (n = 0; n < m[a].nr && m[a].where[n] != where; n++)
		;
	there = n < m[a].nr;
	CHECK(kobjtree_unlink(tree(a), &ones[a]->edge[where]) == there);
	if (there)
		model_put(model_pop(a, n));
}

static void along(int a)
{
	int b;

	if (!m[a].nr)
		return;
	b = m[a].to[below(m[a].nr)];
	if (kobjtree_cyclic_get(tree(b)) != tree(b)) {
		fail("no way to what is held");
		return;
	}
	m[b].refs++;
	m[b].mine++;
}

static void let_go(int a)
{
	m[a].mine--;
	kobjtree_put(tree(a));
	model_put(a);
}

/* What goes on between two passes; a model that is told of all knows all. */
static void step(void)
{
	int a = any(), b = any(), i;
	struct kobjtree *obj;

	switch (a < 0 ? 0 : below(12)) {
	case 0:
	case 1:
		make();
		break;
	case 2 ... 5:
		connect(a, b < 0 ? a : b, below(4));
		break;
	case 6:
		disconnect(a, below(EDGES));
		break;
	case 7:
		along(a);
		break;
	case 8 ... 10:
		let_go(a);
		break;
	default:
		i = below(nr_objects);
		obj = kobjtree_weak_get(&weak[i]);
		CHECK(obj == (m[i].there ? tree(i) : NULL));
		if (obj) {
			m[i].refs++;
			m[i].mine++;
		}
	}
}

static void check_counts(void)
{
	int i;

	for (i = 0; i < nr_objects; i++)
		if (m[i].there && kref_read(&tree(i)->ref) != m[i].refs)
			fail("a count");
}

static void collect(void)
{
	int n = model_collect();

	CHECK(kobjtree_cyclic_collect() == n);
}

static void start(int i)
{
	seed = i;
	nr_objects = 0;
	*log_ = 0;
	*expected = 0;
}

static void end(void)
{
	int i;

	for (i = 0; i < nr_objects; i++)
		while (m[i].there && m[i].mine)
			let_go(i);
	collect();
	expect_log(expected);
	for (i = 0; i < nr_objects; i++)
		CHECK(!m[i].there && !weak[i].hidden);
	CHECK(!shim_allocated);
}

static void as_the_model(void)
{
	int i, n;

	for (i = 0; i < RUNS && !broken; i++) {
		start(i);
		for (n = 0; n < STEPS && !broken; n++) {
			if (below(STEPS / 4))
				step();
			else
				collect();
			expect_log(expected);
			*expected = 0;
			check_counts();
		}
		end();
	}
}

/* === Beside others, who come each time that the pass lets them === */

static void (*between)(int nth);
static int nth;

void shim_resched(void)
{
	void (*fn)(int nth) = between;

	if (!fn || kobjtree_in_cascade())
		return;
	between = NULL;
	fn(nth++);
	between = fn;
}

/* What the model is not told: that something went, which the log says. */
static void catch_up(void)
{
	char *at = log_;
	int i, n, used;
	char what;

	while (sscanf(at, "%c%d %n", &what, &i, &used) == 2) {
		at += used;
		CHECK(m[i].there && !m[i].kept && m[i].released == (what == 'f'));
		if (what == 'f')
			m[i].there = false;
		m[i].released = true;
	}
	*log_ = 0;
	*expected = 0;
	for (i = 0; i < nr_objects; i++)
		m[i].refs = m[i].mine;
	for (i = 0; i < nr_objects; i++)
		for (n = 0; m[i].there && n < m[i].nr; n++)
			m[m[i].to[n]].refs++;
}

static void others_step(int nth)
{
	struct kobjtree *obj;
	int a = any(), b = any(), i, n;

	i = below(nr_objects);
	obj = kobjtree_weak_get(&weak[i]);
	if (obj) {
		CHECK(m[i].there && obj == tree(i));
		m[i].refs++;
		m[i].mine++;
	}
	if (a < 0)
		return;
	switch (below(5)) {
	case 0:
		make();
		break;
	case 1:
		connect(a, b < 0 ? a : b, below(4));
		break;
	case 2:
		along(a);
		break;
	case 3:
		/* Its last put may be the worker's: the model sees what is reachable. */
		m[a].mine--;
		m[a].refs--;
		kobjtree_put(tree(a));
		break;
	case 4:
		n = below(EDGES);
		if (!kobjtree_unlink(tree(a), &ones[a]->edge[n]))
			break;
		for (i = 0; m[a].where[i] != n; i++)
			;
		m[model_pop(a, i)].refs--;
	}
}

static void beside_others(void)
{
	int i, n, round, ret, got = 0, kept = 0;

	for (i = 0; i < RUNS && !broken; i++) {
		start(i);
		for (n = 0; n < OBJECTS * 3 / 4; n++)
			make();
		for (n = 0; n < 3 * OBJECTS; n++)
			connect(below(nr_objects), below(nr_objects), below(4));
		for (n = 0; n < nr_objects; n++)
			if (below(6))
				let_go(n);
		expect_log(expected);
		*expected = 0;
		for (round = 0; round < 3 && !broken; round++) {
			went = 0;
			nth = 0;
			between = others_step;
			ret = kobjtree_cyclic_collect();
			between = NULL;
			run();
			CHECK(ret >= 0 || ret == -EAGAIN);
			got += went;
			model_reach_all();
			catch_up();
			for (n = 0; n < nr_objects; n++)
				kept += m[n].there && m[n].kept;
			check_counts();
		}
		end();
	}
	CHECK(got > RUNS && kept > RUNS);
}

/* === What is written === */

/* In the release of 1: of its ring, nothing comes back. */
static void brings_back(struct one *o)
{
	CHECK(!kobjtree_cyclic_get(kobjtree_edge_held(&o->edge[0])));
	CHECK(!kobjtree_weak_get(&weak[0]) && !kobjtree_weak_get(&weak[1]));
	CHECK(kobjtree_cyclic_collect() == -EDEADLK);
	CHECK(kobjtree_link(&o->cyclic.tree, &o->edge[1], tree(0)) == -ENODEV);
	expect_warnings(1, "edge from or to a dead object");
}

static void nothing_comes_back(void)
{
	int i;

	ring(0, 2);
	for (i = 0; i < 2; i++) {
		kobjtree_weak_set(&weak[i], tree(i));
		ones[i]->on_release = brings_back;
	}
	put(0, 2);
	CHECK(kobjtree_cyclic_collect() == 2);
	expect_log("r0 r1 f1 f0 ");
}

static void drops_its_edge(struct one *o)
{
	CHECK(kobjtree_unlink(&o->cyclic.tree, &o->edge[0]));
}

static void *drop_edge(void *data)
{
	drops_its_edge(data);
	return NULL;
}

static void lets_drop_its_edge(struct one *o)
{
	pthread_t other;

	if (pthread_create(&other, NULL, drop_edge, o))
		abort();
	pthread_join(other, NULL);
}

/* 0 => 1, 2, 0; 1 => 2 => 1: the release of 0 drops its oldest edge, and 2 perhaps */
static void memory_waits_for(void (*release)(struct one *o))
{
	int i;

	for (i = 0; i < 3; i++)
		one(i, true);
	link_ok(0, &ones[0]->edge[0], 1);
	link_ok(0, &ones[0]->edge[1], 2);
	link_ok(0, NULL, 0);
	link_ok(1, &ones[1]->edge[0], 2);
	link_ok(2, &ones[2]->edge[0], 1);
	ones[0]->on_release = drops_its_edge;
	ones[2]->on_release = release;
	put(0, 3);
	CHECK(kobjtree_cyclic_collect() == 3);
}

static void memory_waits(void)
{
	ring(0, 2);
	ones[0]->on_release = drops_its_edge;
	ones[1]->on_release = drops_its_edge;
	put(0, 2);
	CHECK(kobjtree_cyclic_collect() == 2);
	expect_log("r0 r1 f1 f0 ");

	memory_waits_for(NULL);
	expect_log("r0 r1 r2 f1 f2 f0 ");
	memory_waits_for(drops_its_edge);
	expect_log("r0 r1 r2 f1 f2 f0 ");
	/* a task that is no part of the cascade leaves it to a worker */
	memory_waits_for(lets_drop_its_edge);
	expect_log("r0 r1 r2 f2 f0 ");
	run();
	expect_log("f1 ");
}

struct small {
	struct kobjtree tree;
};

static struct kobjtree *ordinary;

static void get_ordinary(int nth)
{
	if (!nth)
		CHECK(kobjtree_cyclic_get(ordinary) == ordinary);
}

/* Also beside a pass, and there is nothing behind it. */
static void ordinary_get(void)
{
	ordinary = &kobjtree_alloc(struct small, tree, NULL, GFP_KERNEL)->tree;
	one(0, true);
	nth = 0;
	between = get_ordinary;
	CHECK(!kobjtree_cyclic_collect());
	between = NULL;
	CHECK(nth && kref_read(&ordinary->ref) == 2);
	kobjtree_put(ordinary);
	kobjtree_put(ordinary);
	put(0, 1);
	expect_log("r0 f0 ");
}

/* 0 => 0, in memory that was something else before */
static void used_memory(void)
{
	struct one *o = kzalloc(sizeof(*o), GFP_KERNEL);
	struct kobjtree *obj = &o->cyclic.tree;

	memset(o, 0x7f, sizeof(*o));
	memset(o->edge, 0, sizeof(o->edge));
	o->on_release = NULL;
	o->id = 0;
	ones[0] = o;
	kobjtree_init(obj, &cyclic_type);
	kobjtree_hold(obj, obj);
	kobjtree_put(obj);
	CHECK(kobjtree_cyclic_collect() == 1);
	expect_log("r0 f0 ");
}

static void no_objects(void)
{
	shim_fail_in = 1;
	CHECK(!kobjtree_cyclic_collect());
	CHECK(shim_fail_in == 1);
	shim_fail_in = 0;
}

/* Between two passes, nobody says what they touch. */
static void no_pass(void)
{
	one(0, true);
	CHECK(!kobjtree_cyclic_collect());
	CHECK(kobjtree_cyclic_get(tree(0)) == tree(0));
	CHECK(ones[0]->cyclic.state == KOBJTREE_CYCLIC_UNKNOWN);
	put(0, 1);
	put(0, 1);
	expect_log("r0 f0 ");
}

static void new_one(int nth)
{
	if (nth)
		return;
	one(2, true);
	link_ok(0, NULL, 2);
}

/* The pass has seen 1, which is the first of its numbers, when 2 comes. */
static void unknown_one(void)
{
	one(0, true);
	one(1, true);
	nth = 0;
	between = new_one;
	CHECK(!kobjtree_cyclic_collect());
	between = NULL;
	expect_log("");
	put(2, 1);
	put(0, 2);
	expect_log("r0 r2 f2 f0 r1 f1 ");
}

/* 1 holds 0 many times, its place is older than some; 2, which is seen first, does so. */
static void counts_of(int first, int older, int newer)
{
	int i;

	for (i = 0; i < 3; i++)
		one(i, true);
	link_ok(0, NULL, 1);
	for (i = 0; i < first; i++)
		link_ok(2, NULL, 0);
	for (i = 0; i < older; i++)
		link_ok(1, NULL, 0);
	kobjtree_hold(tree(1), tree(0));
	for (i = 0; i < newer; i++)
		link_ok(1, NULL, 0);
	kobjtree_put(tree(1));
	CHECK(!kobjtree_cyclic_collect());
	put(0, 1);
	CHECK(kobjtree_cyclic_collect() == (first ? 0 : 2));
	put(2, 1);
	expect_log(first ? "r2 f2 " : "r0 r1 f1 f0 r2 f2 ");
	CHECK(kobjtree_cyclic_collect() == (first ? 2 : 0));
	expect_log(first ? "r0 r1 f1 f0 " : "");
}

static void counts(void)
{
	int first, older, newer;

	for (first = 0; first < 4; first++)
		for (older = 0; older < 4; older++)
			for (newer = 28; newer < 36 && !broken; newer++)
				counts_of(first, older, newer);
}

static void count_calls(int nth)
{
}

/* Each of OBJECTS holds all others, and itself, twice. */
static void much_of_it(void)
{
	int i, j;

	for (i = 0; i < OBJECTS; i++)
		one(i, true);
	for (i = 0; i < OBJECTS; i++)
		for (j = 0; j < 2 * OBJECTS; j++)
			link_ok(i, NULL, (i + j) % OBJECTS);
	put(0, OBJECTS);
	nth = 0;
	between = count_calls;
	CHECK(kobjtree_cyclic_collect() == OBJECTS);
	between = NULL;
	/* one for each 32 objects, or edges of one; of 4096; and of both in the searches */
	CHECK(nth == 1 + (2 * OBJECTS + 2) + 3 + 2 * 5 +
	      2 * ((OBJECTS * (2 * OBJECTS + 1) + 31) / 32));
	*log_ = 0;
}

/* Whichever allocation fails, nothing has changed. */
static void no_memory(void)
{
	int n, i, ret = -ENOMEM, failed = 0;

	ring(0, 2);
	for (i = 0; i < LINKS; i++)
		link_ok(0, NULL, 1);
	put(0, 2);
	for (n = 1; ret == -ENOMEM; n++) {
		shim_fail_in = n;
		ret = kobjtree_cyclic_collect();
		failed += ret == -ENOMEM;
		CHECK(ret < 0 ? !*log_ && kref_read(&tree(0)->ref) == 1 : ret == 2);
	}
	shim_fail_in = 0;
	CHECK(failed == 6);
	expect_log("r0 r1 f1 f0 ");
}

static void find_another(int nth)
{
	if (nth < OBJECTS && weak[nth].hidden)
		kobjtree_put(kobjtree_weak_get(&weak[nth]));
}

/* 0 => 0, 1 => 1, ...: each time, another one is found. */
static void gives_up(void)
{
	int i;

	for (i = 0; i < OBJECTS; i++) {
		ring(i, 1);
		kobjtree_weak_set(&weak[i], tree(i));
	}
	put(0, OBJECTS);
	nth = 0;
	between = find_another;
	CHECK(kobjtree_cyclic_collect() == -EAGAIN);
	between = NULL;
	expect_log("");
	/* to look; in each round, to condemn, and what is kept; as before, and let go */
	CHECK(nth == 5 + 8 * (2 + 2) + 2 + 2);
	for (i = 0; i < OBJECTS; i++)
		CHECK(kref_read(&tree(i)->ref) == 1 &&
		      ones[i]->cyclic.state != KOBJTREE_CYCLIC_GARBAGE);
	CHECK(kobjtree_cyclic_collect() == OBJECTS);
	*log_ = 0;
}

static void find_the_first(int nth)
{
	if (!nth)
		kobjtree_put(kobjtree_weak_get(&weak[0]));
}

/* The last one once it looks like garbage; the one before when others are dead. */
static void rescue(int nth)
{
	struct kobjtree *obj;

	if (ones[20]->cyclic.state == KOBJTREE_CYCLIC_DEAD) {
		obj = kobjtree_weak_get(&weak[OBJECTS - 2]);
		CHECK(obj == tree(OBJECTS - 2));
		if (obj)
			kobjtree_put(obj);
	} else if (ones[OBJECTS - 1]->cyclic.state == KOBJTREE_CYCLIC_GARBAGE) {
		CHECK(kobjtree_weak_get(&weak[OBJECTS - 1]) == tree(OBJECTS - 1));
	}
}

/* 0 => 0, 1 => 1, ..., and two that hold each other */
static void rescued_late(void)
{
	int i;

	for (i = 0; i < OBJECTS - 2; i++)
		ring(i, 1);
	ring(i, 2);
	for (i = 0; i < OBJECTS; i++)
		kobjtree_weak_set(&weak[i], tree(i));
	put(0, OBJECTS);
	between = rescue;
	CHECK(kobjtree_cyclic_collect() == OBJECTS - 2);
	between = NULL;
	*log_ = 0;
	CHECK(kref_read(&tree(OBJECTS - 1)->ref) == 2);
	CHECK(kref_read(&tree(OBJECTS - 2)->ref) == 1);
	put(OBJECTS - 1, 1);
	CHECK(kobjtree_cyclic_collect() == 2);
	expect_log("r46 r47 f47 f46 ");
}

/* What was found, and what it leads to, goes in the next pass; the rest in this one. */
static void rescued(void)
{
	ring(0, 2);
	ring(2, 2);
	kobjtree_weak_set(&weak[0], tree(0));
	put(0, 4);
	nth = 0;
	between = find_the_first;
	CHECK(kobjtree_cyclic_collect() == 2);
	between = NULL;
	expect_log("r2 r3 f3 f2 ");
	CHECK(kobjtree_cyclic_collect() == 2);
	expect_log("r0 r1 f1 f0 ");
}

static int dropped;

/* The cursor stands between edges: others walk past it, and what is beside it goes. */
static void drop_edges(int nth)
{
	int i;

	CHECK(!kobjtree_drop(tree(0), tree(2)));
	for (i = 0; i < EDGES; i++)
		dropped += kobjtree_unlink(tree(0), &ones[0]->edge[i]);
}

/* 0 holds 1 many times, and 1 holds 0; @newer edges are newer than those that go. */
static void edges_go_of(int newer)
{
	int i;

	one(0, true);
	one(1, true);
	one(2, true);
	for (i = 0; i < 40; i++)
		link_ok(0, NULL, 1);
	for (i = 0; i < EDGES; i++)
		link_ok(0, &ones[0]->edge[i], 1);
	for (i = 0; i < newer; i++)
		link_ok(0, NULL, 1);
	link_ok(1, NULL, 0);
	kobjtree_put(tree(1));
	dropped = 0;
	between = drop_edges;
	CHECK(!kobjtree_cyclic_collect());
	between = NULL;
	CHECK(dropped == EDGES);
	expect_log("");
	CHECK(kref_read(&tree(1)->ref) == 40 + newer);
	put(0, 1);
	CHECK(kobjtree_cyclic_collect() == 2);
	expect_log("r0 r1 f1 f0 ");
	put(2, 1);
	expect_log("r2 f2 ");
}

static void edges_go(void)
{
	int newer;

	for (newer = 28; newer < 34; newer++)
		edges_go_of(newer);
}

static void lets_go_of_a_ring(struct one *o)
{
	kobjtree_put(tree(2));
}

/* 1 => 1, whose release has the last reference from outside to 2 => 3 => 2 */
static void barrier_collects(void)
{
	ring(1, 1);
	ring(2, 2);
	ones[1]->on_release = lets_go_of_a_ring;
	put(1, 1);
	kobjtree_put(tree(3));
	kobjtree_owner_barrier();
	expect_log("r1 f1 r2 r3 f3 f2 ");
}

/* A last put during the pass is a worker's. */
static void put_the_last(int nth)
{
	if (!nth)
		kobjtree_put(tree(0));
}

static void deferred(void)
{
	one(0, true);
	nth = 0;
	between = put_the_last;
	CHECK(!kobjtree_cyclic_collect());
	between = NULL;
	expect_log("");
	run();
	expect_log("r0 f0 ");
}

static void one_of_another(void)
{
	one(0, false);
	one(1, true);
	CHECK(kobjtree_link(tree(0), &ones[0]->edge[0], tree(1)) == -EINVAL);
	expect_warnings(1, "edge to a cyclic object from one that is not");
	CHECK(kref_read(&tree(1)->ref) == 1);
	put(0, 2);
	expect_log("r0 f0 r1 f1 ");
}

struct room {
	struct kobjtree_cyclic cyclic, member;
};

DEFINE_KOBJTREE_CYCLIC_TYPE(room_type, struct room, cyclic);
DEFINE_KOBJTREE_TYPE(plain_room_type, struct room, cyclic.tree);
DEFINE_KOBJTREE_CYCLIC_TYPE(member_type, struct room, member);
DEFINE_KOBJTREE_TYPE(plain_member_type, struct room, member.tree);
DEFINE_KOBJTREE_CYCLIC_TYPE(rcu_type, struct one, cyclic, .rcu = true);

static void members(void)
{
	struct room *r;

	r = kobjtree_alloc(struct room, cyclic.tree, &plain_room_type, GFP_KERNEL);
	kobjtree_init_member(&r->member.tree, &member_type, &r->cyclic.tree);
	expect_warnings(1, "cyclic type for a member, or with rcu");
	CHECK(!kobjtree_is_cyclic(&r->member.tree));
	kobjtree_put(&r->member.tree);
	kobjtree_put(&r->cyclic.tree);

	r = kobjtree_alloc(struct room, cyclic.tree, &room_type, GFP_KERNEL);
	kobjtree_init_member(&r->member.tree, &plain_member_type, &r->cyclic.tree);
	expect_warnings(1, "member of a cyclic object");
	kobjtree_put(&r->member.tree);
	kobjtree_put(&r->cyclic.tree);
}

static void with_rcu(void)
{
	struct one *o = kobjtree_alloc(struct one, cyclic.tree, &rcu_type, GFP_KERNEL);

	expect_warnings(1, "cyclic type for a member, or with rcu");
	CHECK(!kobjtree_is_cyclic(&o->cyclic.tree));
	kobjtree_put(&o->cyclic.tree);
}

static void may_sleep(void)
{
	current->atomic = true;
	CHECK(!kobjtree_cyclic_collect());
	current->atomic = false;
	/* and its mutex does */
	CHECK(warnings == 2);
	warnings = 0;
}

static const struct {
	const char *name;
	void (*run)(void);
} tests[] = {
	{ "a pass says that it may sleep", may_sleep },
	{ "a release brings nothing back", nothing_comes_back },
	{ "memory waits for the last edge to it", memory_waits },
	{ "an ordinary object is got as ever", ordinary_get },
	{ "an object in memory that was used before", used_memory },
	{ "a pass over nothing", no_objects },
	{ "between two passes a touch costs nothing", no_pass },
	{ "what the pass does not know is nobody's edge", unknown_one },
	{ "each edge counts, and the place inside", counts },
	{ "others are let in on the way", much_of_it },
	{ "without memory nothing has changed", no_memory },
	{ "a pass gives up", gives_up },
	{ "what was found stays, and the rest goes", rescued },
	{ "what looked like garbage stays, and what it leads to", rescued_late },
	{ "edges go while they are looked at", edges_go },
	{ "the barrier collects what a release let go of", barrier_collects },
	{ "a last put during a pass is a worker's", deferred },
	{ "an ordinary object holds no cyclic one", one_of_another },
	{ "members and their containers are on no cycle", members },
	{ "an object that RCU readers see is on no cycle", with_rcu },
	{ "at random, all goes as in the model", as_the_model },
	{ "beside others, what nobody reaches goes", beside_others },
};

/* After the first that fails, objects are left over. */
int main(void)
{
	size_t i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("TAP version 13\n1..%zu\n", ARRAY_SIZE(tests));
	for (i = 0; i < ARRAY_SIZE(tests); i++) {
		tests[i].run();
		CHECK(!warnings && !says && !current->locks && !shim_allocated);
		printf("%sok %zu - %s\n", broken ? "not " : "", i + 1, tests[i].name);
		if (broken) {
			printf("# %s; warned: %s\nBail out!\n", broken, warned);
			return 1;
		}
	}
	return 0;
}
