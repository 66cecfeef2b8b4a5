// SPDX-License-Identifier: GPL-2.0-only
/*
 * The protocol by which links refuse cycles, in every interleaving.
 *
 * A few calls of kobjtree_link(), with kobjtree_unlink() or a teardown beside
 * them, run on three or four objects, from every acyclic graph that these can
 * form. The steps are those of objtree/edge.c and objtree/cycle.c: one step is
 * what one lock section does, or one access outside of any. A walk lets go of
 * the lock after each edge, where the core scans a batch.
 *
 * Laws:
 *   - no state has a cycle;
 *   - who is refused with -ELOOP had a path against it during its own walk;
 *   - results and final graph are those of the calls one after the other, in
 *     some order.
 *
 * Which protocol breaks which law is shown by seeded mistakes, each of which
 * must be refuted.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_OBJECTS	4
#define MAX_CALLS	4
#define MAX_EDGES	12
#define CURSOR		0xf	/* what stands for a walk in a list of edges */
#define TABLE_SIZE	(1024 * 1024)

enum mistake {
	RIGHT,
	NO_STICKY,		/* unlinking the last edge clears HELD */
	NO_MUTEX,		/* two walks at a time */
	CHECK_BEFORE_SET,	/* HELD of the holder is read first */
	WALK_BEFORE_MUTEX,	/* the mutex for the insertion only */
	NO_DEAD_CHECK,		/* dead objects are linked as others */
	NR_MISTAKES,
};

static const char * const mistake_names[NR_MISTAKES] = {
	[RIGHT] = "right",
	[NO_STICKY] = "no-sticky",
	[NO_MUTEX] = "no-mutex",
	[CHECK_BEFORE_SET] = "check-before-set",
	[WALK_BEFORE_MUTEX] = "walk-before-mutex",
	[NO_DEAD_CHECK] = "no-dead-check",
};

/* === What is run === */

enum kind { LINK, UNLINK, PUT };

/* LINK: edge @edge from @holder to @held. PUT: @holder is dead, and goes. */
struct call {
	enum kind kind;
	int edge;
	int holder;
	int held;
};

struct scenario {
	int nr_objects;
	int nr_calls;
	int nr_edges;
	int nr_initial;			/* the first edges are linked */
	unsigned char held;			/* objects that were held before */
	struct call call[MAX_CALLS];
	struct { int holder, held; } edge[MAX_EDGES];
};

/* === Where it is === */

enum step {
	START,
	MARK,
	ADD,
	LOCK,
	QUEUE,
	SCAN,
	INSERT,
	DROP,
	DONE,
};

static const char * const step_names[] = {
	[START] = "starts",
	[MARK] = "marks the held",
	[ADD] = "looks at the holder",
	[LOCK] = "takes the mutex",
	[QUEUE] = "turns to the next object",
	[SCAN] = "looks at an edge",
	[INSERT] = "inserts after its walk",
	[DROP] = "drops an edge",
	[DONE] = "is done",
};

struct task {
	unsigned char step;
	unsigned char ret;		/* errno, or 1 for unlink's true */
	unsigned char scanned;	/* the object under the walk */
	unsigned char visited;
	unsigned short queue;		/* objects + 1, a nibble each, next first */
	bool found;
	bool path;		/* there was one while the walk ran */
	bool checked;		/* CHECK_BEFORE_SET: the holder's HELD */
};

struct state {
	unsigned long long list[MAX_OBJECTS];	/* edges + 1, a nibble each, newest first */
	unsigned char held;
	unsigned char dead;
	unsigned char mutex;			/* the task that has it, + 1 */
	struct task task[MAX_CALLS];
};

struct outcome {
	unsigned char ret[MAX_CALLS];
	unsigned int edges;
};

static enum mistake mistake;
static const struct scenario *now;
static unsigned long nr_scenarios, nr_states;

/* === Lists of nibbles === */

static unsigned long long nibble_del(unsigned long long list, unsigned int value)
{
	unsigned long long below = 0;
	int shift;

	for (shift = 0; list >> shift; shift += 4) {
		if (((list >> shift) & 0xf) == value)
			return below | (list >> shift >> 4 << shift);
		below |= list & (0xfull << shift);
	}
	return list;
}

static bool nibble_has(unsigned long long list, unsigned int value)
{
	return nibble_del(list, value) != list;
}

/* === The graph === */

/* The walks are no edges. */
static bool is_edge(unsigned int nibble)
{
	return nibble && nibble <= MAX_EDGES;
}

static unsigned char held_by(const struct state *s, int obj)
{
	unsigned char set = 0;
	unsigned long long list;

	for (list = s->list[obj]; list; list >>= 4)
		if (is_edge(list & 0xf))
			set |= 1 << now->edge[(list & 0xf) - 1].held;
	return set;
}

static bool reaches(const struct state *s, int from, int to)
{
	unsigned char set = 1 << from, scanned = 0;
	int obj;

	while (set & ~scanned) {
		obj = __builtin_ctz(set & ~scanned);
		scanned |= 1 << obj;
		set |= held_by(s, obj);
	}
	return set & (1 << to);
}

static bool has_cycle(const struct state *s)
{
	int obj, next;

	for (obj = 0; obj < now->nr_objects; obj++)
		for (next = 0; next < now->nr_objects; next++)
			if (held_by(s, obj) & (1 << next) &&
			    reaches(s, next, obj))
				return true;
	return false;
}

static void insert(struct state *s, int edge)
{
	int holder = now->edge[edge].holder;

	s->list[holder] = s->list[holder] << 4 | (edge + 1);
}

static bool is_held(const struct state *s, int obj)
{
	int other;

	for (other = 0; other < now->nr_objects; other++)
		if (held_by(s, other) & (1 << obj))
			return true;
	return false;
}

static bool erase(struct state *s, int edge)
{
	int holder = now->edge[edge].holder, held = now->edge[edge].held;
	unsigned long long list = nibble_del(s->list[holder], edge + 1);

	if (list == s->list[holder])
		return false;
	s->list[holder] = list;
	if (mistake == NO_STICKY && !is_held(s, held))
		s->held &= ~(1 << held);
	return true;
}

/* === The protocol: one call of each is one step === */

static void finish(struct state *s, struct task *t, int ret)
{
	t->ret = ret;
	t->step = DONE;
	if (s->mutex == t - s->task + 1)
		s->mutex = 0;
}

/* kobjtree_add() */
static void link_start(struct state *s, struct task *t, const struct call *c)
{
	if (c->holder == c->held) {
		t->path = true;
		finish(s, t, ELOOP);
		return;
	}
	t->checked = s->held & (1 << c->holder);
	t->step = MARK;
}

static bool is_dead(const struct state *s, int obj)
{
	return mistake != NO_DEAD_CHECK && s->dead & (1 << obj);
}

/* kobjtree_mark_held() */
static void link_mark(struct state *s, struct task *t, const struct call *c)
{
	if (is_dead(s, c->held)) {
		finish(s, t, ENODEV);
		return;
	}
	s->held |= 1 << c->held;
	t->step = ADD;
}

/* kobjtree_edge_add(), not walked */
static void link_add(struct state *s, struct task *t, const struct call *c)
{
	bool held = mistake == CHECK_BEFORE_SET ?
			t->checked : s->held & (1 << c->holder);

	if (is_dead(s, c->holder)) {
		finish(s, t, ENODEV);
	} else if (held) {
		t->step = LOCK;
	} else {
		insert(s, c->edge);
		finish(s, t, 0);
	}
}

static void walk_start(struct task *t, const struct call *c)
{
	t->visited = 1 << c->held;
	t->queue = c->held + 1;
	t->step = QUEUE;
}

static void link_lock(struct state *s, struct task *t, const struct call *c)
{
	if (t->visited) {		/* WALK_BEFORE_MUTEX */
		t->step = INSERT;
		return;
	}
	if (mistake != NO_MUTEX && mistake != WALK_BEFORE_MUTEX)
		s->mutex = t - s->task + 1;
	walk_start(t, c);
}

static unsigned int cursor(const struct state *s, const struct task *t)
{
	return CURSOR - (t - s->task);
}

static void walk_end(struct state *s, struct task *t)
{
	if (t->found)
		finish(s, t, ELOOP);
	else
		t->step = mistake == WALK_BEFORE_MUTEX ? LOCK : INSERT;
}

/* kobjtree_scan() up to its loop */
static void walk_queue(struct state *s, struct task *t)
{
	if (!t->queue) {
		walk_end(s, t);
		return;
	}
	t->scanned = (t->queue & 0xf) - 1;
	t->queue >>= 4;
	s->list[t->scanned] = s->list[t->scanned] << 4 | cursor(s, t);
	t->step = SCAN;
}

/* kobjtree_queue() */
static void walk_visit(const struct state *s, struct task *t,
		       const struct call *c, int obj)
{
	int shift = 0;

	if (obj == c->holder)
		t->found = true;
	if (t->found || t->visited & (1 << obj) || !s->list[obj])
		return;
	t->visited |= 1 << obj;
	while (t->queue >> shift)
		shift += 4;
	t->queue |= (obj + 1) << shift;
}

/* kobjtree_scan_batch() of one, and the cursor moves behind it */
static void walk_scan(struct state *s, struct task *t, const struct call *c)
{
	unsigned long long *list = &s->list[t->scanned];
	unsigned int self = cursor(s, t), edge;
	int shift = 0;

	while (((*list >> shift) & 0xf) != self)
		shift += 4;
	edge = (*list >> shift >> 4) & 0xf;
	if (is_edge(edge))
		walk_visit(s, t, c, now->edge[edge - 1].held);
	if (edge && !t->found) {
		*list &= ~(0xffull << shift);
		*list |= (unsigned long long)(self << 4 | edge) << shift;
		return;
	}
	*list = nibble_del(*list, self);
	if (t->found)
		walk_end(s, t);
	else
		t->step = QUEUE;
}

/* kobjtree_edge_add(), walked */
static void link_insert(struct state *s, struct task *t, const struct call *c)
{
	if (is_dead(s, c->holder)) {
		finish(s, t, ENODEV);
		return;
	}
	insert(s, c->edge);
	finish(s, t, 0);
}

/* The object is dead from the start; its edges go one by one, newest first. */
static void put_step(struct state *s, struct task *t, const struct call *c)
{
	unsigned long long list = s->list[c->holder];

	t->step = DROP;
	while (list && !is_edge(list & 0xf))
		list >>= 4;
	if (list)
		erase(s, (list & 0xf) - 1);
	else
		finish(s, t, 0);
}

static void link_step(struct state *s, struct task *t, const struct call *c)
{
	switch ((enum step)t->step) {
	case START:
		link_start(s, t, c);
		break;
	case MARK:
		link_mark(s, t, c);
		break;
	case ADD:
		link_add(s, t, c);
		break;
	case LOCK:
		link_lock(s, t, c);
		break;
	case QUEUE:
		walk_queue(s, t);
		break;
	case SCAN:
		walk_scan(s, t, c);
		break;
	case INSERT:
		link_insert(s, t, c);
		break;
	case DROP:
	case DONE:
		break;
	}
}

static void step(struct state *s, int i)
{
	const struct call *c = &now->call[i];
	struct task *t = &s->task[i];

	switch (c->kind) {
	case LINK:
		link_step(s, t, c);
		break;
	case UNLINK:
		finish(s, t, erase(s, c->edge));
		break;
	case PUT:
		put_step(s, t, c);
		break;
	}
}

static bool may_step(const struct state *s, int i)
{
	const struct task *t = &s->task[i];

	return t->step != DONE && !(t->step == LOCK && s->mutex);
}

static void note_paths(struct state *s)
{
	const struct call *c;
	struct task *t;
	int i;

	for (i = 0; i < now->nr_calls; i++) {
		t = &s->task[i];
		c = &now->call[i];
		if (t->step == QUEUE || t->step == SCAN)
			t->path = t->path || reaches(s, c->held, c->holder);
	}
}

/* === The same calls one after the other === */

static struct outcome sequential[24];
static int nr_sequential;

static void call_at_once(struct state *s, int i)
{
	const struct call *c = &now->call[i];
	struct task *t = &s->task[i];
	int edge;

	t->step = DONE;
	switch (c->kind) {
	case LINK:
		if (c->holder != c->held &&
		    s->dead & (1 << c->holder | 1 << c->held))
			t->ret = ENODEV;
		else if (reaches(s, c->held, c->holder))
			t->ret = ELOOP;
		else
			insert(s, c->edge);
		break;
	case UNLINK:
		t->ret = erase(s, c->edge);
		break;
	case PUT:
		for (edge = 0; edge < now->nr_edges; edge++)
			if (now->edge[edge].holder == c->holder)
				erase(s, edge);
		break;
	}
}

static struct outcome outcome_of(const struct state *s)
{
	struct outcome o = {};
	int i, edge;

	for (i = 0; i < now->nr_calls; i++)
		o.ret[i] = s->task[i].ret;
	for (edge = 0; edge < now->nr_edges; edge++)
		if (nibble_has(s->list[now->edge[edge].holder], edge + 1))
			o.edges |= 1 << edge;
	return o;
}

static void run_sequential(const struct state *s)
{
	struct state next;
	bool done = true;
	int i;

	for (i = 0; i < now->nr_calls; i++) {
		if (s->task[i].step == DONE)
			continue;
		done = false;
		next = *s;
		call_at_once(&next, i);
		run_sequential(&next);
	}
	if (done)
		sequential[nr_sequential++] = outcome_of(s);
}

static bool is_sequential(const struct state *s)
{
	struct outcome o = outcome_of(s);
	int i;

	for (i = 0; i < nr_sequential; i++)
		if (!memcmp(&o, &sequential[i], sizeof(o)))
			return true;
	return false;
}

/* === Every interleaving === */

static struct { struct state state; unsigned long scenario; } table[TABLE_SIZE];

static bool seen(const struct state *s)
{
	const unsigned char *byte = (const unsigned char *)s;
	unsigned long long hash = 0xcbf29ce484222325ull;
	unsigned int i;

	for (i = 0; i < sizeof(*s); i++)
		hash = (hash ^ byte[i]) * 0x100000001b3ull;
	for (i = (hash ^ hash >> 32) % TABLE_SIZE;
	     table[i].scenario == nr_scenarios; i = (i + 1) % TABLE_SIZE)
		if (!memcmp(&table[i].state, s, sizeof(*s)))
			return true;
	table[i].scenario = nr_scenarios;
	table[i].state = *s;
	nr_states++;
	return false;
}

/* A call that says it linked a dead object, or that did. */
static bool linked_dead(const struct state *s)
{
	const struct call *c;
	int i;

	for (i = 0; i < now->nr_calls; i++) {
		c = &now->call[i];
		if (c->kind == LINK && s->task[i].step == DONE &&
		    s->dead & (1 << c->holder | 1 << c->held) &&
		    s->task[i].ret != (c->holder == c->held ? ELOOP : ENODEV))
			return true;
	}
	return false;
}

static const char *broken_law(const struct state *s)
{
	bool done = true;
	int i;

	if (has_cycle(s))
		return "there is a cycle";
	if (linked_dead(s))
		return "a dead object was linked";
	for (i = 0; i < now->nr_calls; i++) {
		done = done && s->task[i].step == DONE;
		if (now->call[i].kind == LINK && s->task[i].ret == ELOOP &&
		    !s->task[i].path)
			return "a link was refused, and there was no path";
	}
	if (done && !is_sequential(s))
		return "no order of the calls gives this";
	return NULL;
}

static int trace[256];

static const char *explore(const struct state *s, int depth)
{
	const char *why = broken_law(s);
	struct state next;
	bool stuck = true;
	int i;

	for (i = 0; i < now->nr_calls && !why; i++) {
		if (!may_step(s, i)) {
			stuck = stuck && s->task[i].step == DONE;
			continue;
		}
		stuck = false;
		trace[depth] = i;
		trace[depth + 1] = -1;
		next = *s;
		step(&next, i);
		note_paths(&next);
		if (!seen(&next))
			why = explore(&next, depth + 1);
	}
	if (!why && stuck && !nr_sequential)
		why = "nobody can go on";
	return why;
}

static void first_state(struct state *s)
{
	int edge, i;

	memset(s, 0, sizeof(*s));
	for (edge = 0; edge < now->nr_initial; edge++) {
		insert(s, edge);
		s->held |= 1 << now->edge[edge].held;
	}
	s->held |= now->held;
	for (i = 0; i < now->nr_calls; i++)
		if (now->call[i].kind == PUT)
			s->dead |= 1 << now->call[i].holder;
}

static void print_call(int i)
{
	const struct call *c = &now->call[i];

	switch (c->kind) {
	case LINK:
		printf("link %c to %c", 'A' + c->holder, 'A' + c->held);
		break;
	case UNLINK:
		printf("unlink %c from %c", 'A' + now->edge[c->edge].held,
		       'A' + now->edge[c->edge].holder);
		break;
	case PUT:
		printf("teardown of %c", 'A' + c->holder);
		break;
	}
}

static void print_trace(const char *why)
{
	struct state s;
	int i;

	printf("# edges:");
	for (i = 0; i < now->nr_initial; i++)
		printf(" %c->%c", 'A' + now->edge[i].holder,
		       'A' + now->edge[i].held);
	printf("\n");
	first_state(&s);
	for (i = 0; trace[i] >= 0; i++) {
		printf("#   ");
		print_call(trace[i]);
		printf(": %s\n", step_names[s.task[trace[i]].step]);
		step(&s, trace[i]);
	}
	printf("# %s\n", why);
}

static bool run_scenario(const struct scenario *scenario)
{
	const char *why;
	struct state s;

	now = scenario;
	nr_scenarios++;
	nr_sequential = 0;
	first_state(&s);
	run_sequential(&s);
	trace[0] = -1;
	why = explore(&s, 0);
	if (why)
		print_trace(why);
	return !why;
}

/* === Every scenario === */

struct group {
	const char *name;
	int nr_objects;
	int nr_links;
	int nr_unlinks;
	int nr_puts;
	bool any_held;		/* also with objects that were held once */
	bool slow;		/* only with --all */
};

static const struct group groups[] = {
	{ "two links on three objects", 3, 2, 0, 0, true, false },
	{ "three links on three objects", 3, 3, 0, 0, true, false },
	{ "two links and an unlink on three objects", 3, 2, 1, 0, true, false },
	{ "two links and two unlinks on three objects",
	  3, 2, 2, 0, false, false },
	{ "two links in a teardown on three objects", 3, 2, 0, 1, false, false },
	{ "three links and an unlink on three objects",
	  3, 3, 1, 0, false, false },
	{ "two links on four objects", 4, 2, 0, 0, false, false },
	{ "three links on four objects", 4, 3, 0, 0, false, false },
	{ "two links and an unlink on four objects", 4, 2, 1, 0, false, false },
	{ "two links in a teardown on four objects", 4, 2, 0, 1, false, false },
	{ "three links and an unlink on four objects", 4, 3, 1, 0, false, true },
};

static int call_value(const struct scenario *s, int i, const int *map)
{
	const struct call *c = &s->call[i];
	int holder = map[s->edge[c->edge].holder];
	int held = map[s->edge[c->edge].held];

	if (c->kind == PUT)
		return map[c->holder];
	return holder * MAX_OBJECTS + held;
}

static int compare_ints(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* The same for all scenarios that differ only in names. */
static unsigned long long scenario_key(const struct scenario *s, int nr_links,
				       const int *map)
{
	int value[MAX_CALLS], i;
	unsigned long long key = 0, bits = 0;

	for (i = 0; i < s->nr_calls; i++)
		value[i] = call_value(s, i, map);
	qsort(value, nr_links, sizeof(*value), compare_ints);
	for (i = 0; i < s->nr_calls; i++)
		key = key * 16 + value[i];
	for (i = 0; i < s->nr_initial; i++)
		bits |= 1ull << (map[s->edge[i].holder] * MAX_OBJECTS +
				 map[s->edge[i].held]);
	key = key << 16 | bits;
	for (i = 0, bits = 0; i < s->nr_objects; i++)
		if (s->held & (1 << i))
			bits |= 1 << map[i];
	return key << MAX_OBJECTS | bits;
}

/* Of those that differ only in names, one will do. */
static bool is_canonical(const struct scenario *s, int nr_links)
{
	static const int identity[MAX_OBJECTS] = { 0, 1, 2, 3 };
	unsigned long long own = scenario_key(s, nr_links, identity);
	int map[MAX_OBJECTS], n, rest, i, j;
	bool used;

	for (n = 0; n < (s->nr_objects == 4 ? 256 : 27); n++) {
		used = false;
		for (i = 0, rest = n; i < s->nr_objects; i++) {
			map[i] = rest % s->nr_objects;
			rest /= s->nr_objects;
			for (j = 0; j < i; j++)
				used = used || map[j] == map[i];
		}
		if (!used && scenario_key(s, nr_links, map) < own)
			return false;
	}
	return true;
}

static bool run_held(struct scenario *s, const struct group *group)
{
	unsigned char all = (1 << s->nr_objects) - 1;
	unsigned char held = 0;
	int i;

	for (i = 0; i < s->nr_initial; i++)
		held |= 1 << s->edge[i].held;
	for (s->held = 0; s->held <= all; s->held++) {
		if (s->held & held || (s->held && !group->any_held))
			continue;
		if (is_canonical(s, group->nr_links) && !run_scenario(s))
			return false;
	}
	s->held = 0;
	return true;
}

static bool run_calls(struct scenario *s, const struct group *group);

static bool run_links(struct scenario *s, const struct group *group, int from)
{
	struct call *c = &s->call[s->nr_calls];
	int n, pairs = s->nr_objects * s->nr_objects;
	bool ok = true;

	for (n = from; n < pairs && ok; n++) {
		c->kind = LINK;
		c->holder = n / s->nr_objects;
		c->held = n % s->nr_objects;
		c->edge = s->nr_edges;
		/* a link to itself touches nothing: once is enough */
		if (c->holder == c->held && (n || s->nr_calls))
			continue;
		s->edge[s->nr_edges].holder = c->holder;
		s->edge[s->nr_edges].held = c->held;
		s->nr_edges++;
		s->nr_calls++;
		ok = s->nr_calls < group->nr_links ?
			run_links(s, group, n) : run_calls(s, group);
		s->nr_calls--;
		s->nr_edges--;
	}
	return ok;
}

/* Then it has a reference and is not torn down. */
static bool was_held(const struct scenario *s, int obj)
{
	int edge;

	for (edge = 0; edge < s->nr_initial; edge++)
		if (s->edge[edge].held == obj)
			return true;
	return false;
}

static bool run_calls(struct scenario *s, const struct group *group)
{
	int done = s->nr_calls - group->nr_links, n;
	struct call *c = &s->call[s->nr_calls];
	bool unlink = done < group->nr_unlinks;
	bool ok = true;

	if (done == group->nr_unlinks + group->nr_puts)
		return run_held(s, group);
	s->nr_calls++;
	for (n = 0; n < (unlink ? s->nr_edges : s->nr_objects) && ok; n++) {
		if (!unlink && was_held(s, n))
			continue;
		c->kind = unlink ? UNLINK : PUT;
		c->edge = unlink ? n : 0;
		c->holder = unlink ? s->edge[n].holder : n;
		ok = run_calls(s, group);
	}
	s->nr_calls--;
	return ok;
}

static bool run_group(const struct group *group)
{
	int pairs = group->nr_objects * group->nr_objects, n;
	struct scenario s;
	struct state first;
	unsigned int graph;
	bool ok = true;

	for (graph = 0; graph < 1u << pairs && ok; graph++) {
		memset(&s, 0, sizeof(s));
		s.nr_objects = group->nr_objects;
		for (n = 0; n < pairs && s.nr_edges < MAX_EDGES; n++) {
			if (!(graph & (1u << n)))
				continue;
			s.edge[s.nr_edges].holder = n / s.nr_objects;
			s.edge[s.nr_edges].held = n % s.nr_objects;
			s.nr_edges++;
		}
		s.nr_initial = s.nr_edges;
		if (n < pairs)
			continue;
		now = &s;
		first_state(&first);
		if (!has_cycle(&first))
			ok = run_links(&s, group, 0);
	}
	return ok;
}

/* === Verdict === */

static int nr_tests, nr_failed;

static void report(bool ok, const char *what, const char *name)
{
	nr_tests++;
	nr_failed += !ok;
	printf("%sok %d - %s%s\n", ok ? "" : "not ", nr_tests, what, name);
	fflush(stdout);
}

static bool run_groups(bool each, bool all)
{
	unsigned long scenarios, states;
	bool ok = true;
	size_t i;

	for (i = 0; i < sizeof(groups) / sizeof(*groups) && ok; i++) {
		if (groups[i].slow && !all)
			continue;
		scenarios = nr_scenarios;
		states = nr_states;
		ok = run_group(&groups[i]);
		if (!each)
			continue;
		report(ok, "", groups[i].name);
		printf("# %lu scenarios, %lu states\n",
		       nr_scenarios - scenarios, nr_states - states);
	}
	return ok;
}

static int nr_groups(bool all)
{
	int n = 0;
	size_t i;

	for (i = 0; i < sizeof(groups) / sizeof(*groups); i++)
		n += all || !groups[i].slow;
	return n;
}

static int help(const char *name)
{
	int i;

	fprintf(stderr, "usage: %s [--all | --wrong=MISTAKE]\nMISTAKE:", name);
	for (i = RIGHT + 1; i < NR_MISTAKES; i++)
		fprintf(stderr, " %s", mistake_names[i]);
	fprintf(stderr, "\n");
	return 2;
}

int main(int argc, char **argv)
{
	bool all = argc == 2 && !strcmp(argv[1], "--all");
	int only = RIGHT, i;

	for (i = RIGHT + 1; i < NR_MISTAKES && argc == 2; i++)
		if (!strncmp(argv[1], "--wrong=", 8) &&
		    !strcmp(argv[1] + 8, mistake_names[i]))
			only = i;
	if (argc > 1 && !all && only == RIGHT)
		return help(argv[0]);

	printf("TAP version 13\n1..%d\n",
	       only != RIGHT ? 1 : nr_groups(all) + NR_MISTAKES - RIGHT - 1);
	mistake = only;
	if (only != RIGHT) {
		report(run_groups(false, all), "links with ",
		       mistake_names[only]);
	} else {
		run_groups(true, all);
		for (mistake = RIGHT + 1; mistake < NR_MISTAKES; mistake++)
			report(!run_groups(false, all), "refutes ",
			       mistake_names[mistake]);
	}
	return nr_failed ? 1 : 0;
}
