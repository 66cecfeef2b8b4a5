// SPDX-License-Identifier: GPL-2.0-only
/*
 * All small graphs, and all short sequences of operations, on the core and on the
 * model.
 *
 * Sequences: from each state that was seen after n operations every operation is
 * tried; a state, of model and core, that was seen before is not gone into again.
 * So every sequence of that length is covered, up to what a hash of 64 bits tells
 * apart. After each, everything is put, and must go.
 *
 * Graphs: each acyclic graph, its edges made in every order in every kind of
 * place, and the objects put in every order.
 */
#include "both.h"
#include "shim.h"

struct path {
	struct op op[12];
	unsigned char len;
};

static int nr_tests, failed;

static void report(bool ok, const char *name)
{
	nr_tests++;
	failed += !ok;
	printf("%sok %d - %s\n", ok ? "" : "not ", nr_tests, name);
	fflush(stdout);
}

static const char *now;

static void fail(void)
{
	report(false, now);
	exit(1);
}

/* === Sequences === */

struct world {
	const char *name;
	unsigned char objects, weak, deeds, blocks;
	unsigned int kinds;		/* a bit each */
	unsigned int ops;		/* a bit each */
	unsigned char undos, carries;
	unsigned char places;		/* of edges, stored or slot */
	unsigned char slice, whole;	/* how long */
};

#define O(op)		(1u << OP_##op)
#define BASE		(O(INIT) | O(PUT) | O(GET) | O(LINK))
#define EDGES		(BASE | O(HOLD) | O(UNLINK) | O(DROP) | O(MOVE))
#define ALL		((1u << NR_OPS) - 1)

static const struct world worlds[] = {
	{ "edges: two objects", 2, 0, 0, 0, 1 << KFREED, EDGES, 0, 0, 2, 6, 10 },
	{ "edges: three objects", 3, 0, 0, 0, 1 << KFREED,
	  EDGES | O(GET_HELD), 0, 0, 1, 5, 7 },
	{ "edges: four objects", 4, 0, 0, 0, 1 << PLAIN,
	  BASE & ~O(GET), 0, 0, 0, 7, 9 },
	{ "members: three objects", 3, 0, 0, 0, 1 << FREED_BY_TYPE,
	  BASE | O(MEMBER) | O(HOLD) | O(UNLINK), 0, 0, 1, 5, 7 },
	{ "members: four objects", 4, 0, 0, 0, 1 << CACHED,
	  O(INIT) | O(PUT) | O(MEMBER) | O(LINK), 0, 0, 0, 5, 7 },
	{ "weak references, deferred puts: two objects", 2, 2, 0, 0, 1 << RCU,
	  BASE | O(PUT_ASYNC) | O(RUN) | O(WEAK_SET) | O(WEAK_GET) |
	  O(WEAK_CLEAR), 0, 0, 1, 6, 10 },
	{ "actions and memory: one object", 1, 0, 2, 2,
	  1 << FREED_BY_TYPE | 1 << PLAIN,
	  O(INIT) | O(PUT) | O(ACTION) | O(REMOVE) | O(RELEASE) | O(ALLOC) |
	  O(KFREE) | O(UNDO), 5, 0, 1, 7, 12 },
	{ "actions, memory and edges: two objects", 2, 0, 1, 1, 1 << CACHED,
	  BASE | O(ACTION) | O(REMOVE) | O(ALLOC) | O(KFREE) | O(UNLINK) | O(UNDO),
	  5, 0, 1, 5, 7 },
	{ "callbacks that put: three objects", 3, 0, 1, 0,
	  1 << FREED_BY_TYPE, BASE | O(ACTION) | O(CARRY) | O(RUN),
	  0, 3, 1, 5, 7 },
	{ "everything: two objects", 2, 1, 1, 1, (1 << NR_KINDS) - 1, ALL,
	  5, 3, 2, 3, 5 },
	{ "everything: four objects", 4, 1, 1, 1, 1 << FREED_BY_TYPE | 1 << PLAIN,
	  ALL, 5, 3, 2, 3, 4 },
};

static struct op alphabet[2048];
static int nr_alphabet;

static void letter(const struct world *w, int what, int a, int b, int c, int d)
{
	if (w->ops & (1u << what))
		alphabet[nr_alphabet++] = (struct op){ what, a, b, c, d };
}

static void letters_of_pair(const struct world *w, int a, int b)
{
	int c, d;

	for (d = 0; d < 2; d++) {
		for (c = 0; c <= w->places; c++)
			letter(w, OP_HOLD, a, b, c, d);
		for (c = STORED; c < STORED + w->places; c++)
			letter(w, OP_LINK, a, b, c, d);
		letter(w, OP_LINK, a, b, ALLOCATED, d);
		for (c = 0; c < w->carries; c++)
			letter(w, OP_CARRY, a, b, c, d);
		letter(w, OP_MEMBER, a, b, d, 0);
	}
	letter(w, OP_DROP, a, b, 0, 0);
	letter(w, OP_GET_HELD, a, b, 0, 0);
	for (c = STORED; c < STORED + w->places; c++) {
		for (d = STORED; d < STORED + w->places; d++)
			letter(w, OP_MOVE, a, c, b, d);
		letter(w, OP_MOVE, a, c, b, ALLOCATED);
	}
}

static void letters_of_object(const struct world *w, int a)
{
	int b, c;

	for (b = 0; b < NR_KINDS; b++)
		if (w->kinds & (1 << b))
			letter(w, OP_INIT, a, b, 0, 0);
	for (b = STORED; b < STORED + w->places; b++)
		letter(w, OP_UNLINK, a, b, 0, 0);
	for (b = 0; b < 2; b++)
		letter(w, OP_GET, a, b, 0, 0);
	letter(w, OP_PUT, a, 0, 0, 0);
	letter(w, OP_PUT_ASYNC, a, 0, 0, 0);
	for (b = 0; b < w->weak; b++)
		letter(w, OP_WEAK_SET, b, a, 0, 0);
	for (b = 0; b < w->deeds; b++) {
		for (c = 0; c < 3; c++)
			letter(w, OP_ACTION, a, b, c, 0);
		letter(w, OP_REMOVE, a, b, 0, 0);
		letter(w, OP_RELEASE, a, b, 0, 0);
	}
	for (b = 0; b < w->blocks; b++) {
		letter(w, OP_ALLOC, a, b, 0, 0);
		letter(w, OP_ALLOC, a, b, 1, 0);
		letter(w, OP_KFREE, a, b, 0, 0);
	}
	for (b = 0; b < w->undos; b++)
		letter(w, OP_UNDO, a, b, 0, 0);
	for (b = 0; b < w->objects; b++)
		letters_of_pair(w, a, b);
}

static void letters(const struct world *w)
{
	int a;

	nr_alphabet = 0;
	for (a = 0; a < w->objects; a++)
		letters_of_object(w, a);
	letter(w, OP_RUN, 0, 0, 0, 0);
	for (a = 0; a < w->weak; a++) {
		letter(w, OP_WEAK_GET, a, 0, 0, 0);
		letter(w, OP_WEAK_CLEAR, a, 0, 0, 0);
	}
}

static unsigned long long *table;
static size_t table_size, table_used;

static bool seen(unsigned long long hash)
{
	unsigned long long *old = table;
	size_t i, n = table_size;

	if (table_used * 2 >= table_size) {
		table_size = n ? 2 * n : 1 << 16;
		table = calloc(table_size, sizeof(*table));
		table_used = 0;
		for (i = 0; i < n; i++)
			if (old[i])
				seen(old[i]);
		free(old);
	}
	hash += !hash;
	for (i = hash % table_size; table[i]; i = (i + 1) % table_size)
		if (table[i] == hash)
			return true;
	table[i] = hash;
	table_used++;
	return false;
}

static struct path *pending;
static size_t pending_size, pending_first, pending_last;

static void later(const struct path *path)
{
	if (pending_last == pending_size) {
		pending_size = pending_size ? 2 * pending_size : 1 << 12;
		pending = realloc(pending, pending_size * sizeof(*pending));
	}
	pending[pending_last++] = *path;
}

static unsigned long nr_runs;

static void walk(const struct path *path)
{
	int i;

	both_start();
	for (i = 0; i < path->len; i++)
		both(path->op[i]);
}

static void try_all(const struct path *path, int length)
{
	struct path next = *path;
	bool again = true;
	int i;

	next.len++;
	for (i = 0; i < nr_alphabet; i++) {
		if (again)
			walk(path);
		again = both(alphabet[i]);
		if (!again)
			continue;
		nr_runs++;
		next.op[path->len] = alphabet[i];
		if (!seen(both_state()) && next.len < length)
			later(&next);
		both_end();
	}
	if (!again)
		both_end();
}

static void run_world(const struct world *w, int length)
{
	struct path path = {};

	now = w->name;
	letters(w);
	table_used = 0;
	if (table)
		memset(table, 0, table_size * sizeof(*table));
	pending_first = 0;
	pending_last = 0;
	nr_runs = 0;
	later(&path);
	while (pending_first < pending_last) {
		path = pending[pending_first++];
		try_all(&path, length);
	}
	report(true, w->name);
	printf("# %d operations, up to %d of them: %zu states, %lu runs\n",
	       nr_alphabet, length, table_used, nr_runs);
}

/* === Graphs === */

#define MAX_PAIRS	6	/* of four objects, without a cycle */

struct graph {
	int objects, edges;
	struct { int holder, held; } edge[MAX_PAIRS];
	int order[MAX_PAIRS], put[4];
};

/* Where the n-th edge of a holder goes, in the i-th kind of graph. */
static void make_edge(const struct graph *g, int i, int n)
{
	int holder = g->edge[n].holder, held = g->edge[n].held;
	struct op op = { OP_LINK, holder, held, ALLOCATED, 0 };

	if (i == 1 || (i == 2 && n % 2))
		op = (struct op){ OP_HOLD, holder, held, SLOT, 0 };
	if (i == 2 && !(n % 2))
		op.c = STORED;
	if (op.what == OP_HOLD && (model.object[holder].slot_used ||
				   model.object[holder].was_held))
		op = (struct op){ OP_LINK, holder, held, ALLOCATED, 0 };
	both(op);
}

static void run_graph(const struct graph *g)
{
	int kind, n;

	for (kind = 0; kind < 3; kind++) {
		both_start();
		for (n = 0; n < g->objects; n++)
			both((struct op){ OP_INIT, n, KFREED });
		for (n = 0; n < g->edges; n++)
			make_edge(g, kind, g->order[n]);
		for (n = 0; n < g->objects; n++)
			both((struct op){ OP_PUT, g->put[n] });
		both_end();
		nr_runs++;
	}
}

/* Every order of the first @n numbers, from the @i-th on. */
static void orders(struct graph *g, int *order, int n, int i,
		   void (*then)(struct graph *g))
{
	int j, tmp;

	if (i == n)
		then(g);
	for (j = i; j < n; j++) {
		tmp = order[i], order[i] = order[j], order[j] = tmp;
		orders(g, order, n, i + 1, then);
		tmp = order[i], order[i] = order[j], order[j] = tmp;
	}
}

static void put_orders(struct graph *g)
{
	int i;

	for (i = 0; i < g->objects; i++)
		g->put[i] = i;
	orders(g, g->put, g->objects, 0, (void (*)(struct graph *))run_graph);
}

/* The objects are numbered from the top: all graphs, but for names. */
static void run_graphs(int objects, int max_edges)
{
	int pairs = objects * (objects - 1) / 2, holder, held, n, i;
	static char name[64];
	unsigned int bits;
	struct graph g;

	snprintf(name, sizeof(name), "every graph of %d objects, up to %d edges",
		 objects, max_edges);
	now = name;
	nr_runs = 0;
	for (bits = 0; bits < 1u << pairs; bits++) {
		if (__builtin_popcount(bits) > max_edges)
			continue;
		g = (struct graph){ .objects = objects };
		for (holder = 0, n = 0; holder < objects; holder++) {
			for (held = holder + 1; held < objects; held++, n++) {
				if (!(bits & (1u << n)))
					continue;
				g.edge[g.edges].holder = holder;
				g.edge[g.edges].held = held;
				g.edges++;
			}
		}
		for (i = 0; i < g.edges; i++)
			g.order[i] = i;
		orders(&g, g.order, g.edges, 0, put_orders);
	}
	report(true, name);
	printf("# %lu runs\n", nr_runs);
}

int main(int argc, char **argv)
{
	bool whole = argc == 2 && !strcmp(argv[1], "--whole");
	size_t i;

	if (argc > 1 && !whole) {
		fprintf(stderr, "usage: %s [--whole]\n", argv[0]);
		return 2;
	}
	both_failed = fail;
	printf("TAP version 13\n1..%zu\n", ARRAY_SIZE(worlds) + 3);
	for (i = 2; i <= 4; i++)
		run_graphs(i, whole ? MAX_PAIRS : 4);
	for (i = 0; i < ARRAY_SIZE(worlds); i++)
		run_world(&worlds[i], whole ? worlds[i].whole : worlds[i].slice);
	return failed;
}
