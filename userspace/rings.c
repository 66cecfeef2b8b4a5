// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a pass of the collector costs for each of a million objects, half of which are
 * garbage in rings of eight, beside Tarjan's search for strongly connected components,
 * as af_unix's collector uses it, over the same objects. Times are shown, not judged.
 *
 * usage: rings [ROUNDS]: with ROUNDS, lines for the benchmark
 *
 * The pass looks at counts and edges under their locks, while others may go on; it
 * says what is garbage, kills it, finds the order, and takes it apart, which is timed
 * apart, from the first release on. Tarjan's search looks at the same edges without a
 * lock or a reference, has its marks in an array, says what is garbage, and does no
 * more: nobody else may come near.
 */
#include <time.h>

#include "internal.h"

#define OBJECTS	1048576
#define RING	8

struct ring {
	struct kobjtree_cyclic cyclic;
	struct kobjtree_edge edge;
};

static unsigned long long began;	/* the first release */
static unsigned int released;

static unsigned long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void ring_release(struct kobjtree *obj)
{
	(void)obj;
	if (!released++)
		began = now();
}

DEFINE_KOBJTREE_CYCLIC_TYPE(ring_type, struct ring, cyclic, .release = ring_release);

static struct ring *ring[OBJECTS];

static void need(const void *p)
{
	if (p)
		return;
	fprintf(stderr, "rings: out of memory\n");
	exit(1);
}

/* Rings of neighbours in @order, every other one held from outside. */
static void make(const u32 *order)
{
	u32 i, next;

	for (i = 0; i < OBJECTS; i++) {
		ring[i] = kobjtree_alloc(struct ring, cyclic.tree, &ring_type, GFP_KERNEL);
		need(ring[i]);
	}
	for (i = 0; i < OBJECTS; i++) {
		next = order[i / RING * RING + (i + 1) % RING];
		if (kobjtree_link(&ring[order[i]]->cyclic.tree, &ring[order[i]]->edge,
				  &ring[next]->cyclic.tree))
			exit(1);
	}
	for (i = 0; i < OBJECTS; i++) {
		if (i % (2 * RING))
			kobjtree_put(&ring[order[i]]->cyclic.tree);
	}
}

static void drop(const u32 *order)
{
	u32 i;

	for (i = 0; i < OBJECTS; i += 2 * RING)
		kobjtree_put(&ring[order[i]]->cyclic.tree);
	if (kobjtree_cyclic_collect() != OBJECTS / 2)
		exit(1);
}

/* === Tarjan === */

static unsigned long first_held(const void *graph, u32 v)
{
	(void)graph;
	return ring[v]->cyclic.tree.head;
}

static bool next_held(const void *graph, u32 v, unsigned long *at, u32 *w)
{
	struct kobjtree_edge *edge;

	(void)graph;
	(void)v;
	if (!*at)
		return false;
	edge = container_of(kobjtree_node(*at), struct kobjtree_edge, node);
	*w = to_cyclic(kobjtree_edge_held(edge))->index;
	*at = kobjtree_node(*at)->next;
	return true;
}

static int outside(const void *graph, u32 v)
{
	(void)graph;
	return kref_read(&ring[v]->cyclic.tree.ref) - 1;
}

#include "tarjan.h"

static u32 search(void)
{
	struct tarjan *t = calloc(OBJECTS, sizeof(*t));
	u32 *stack = calloc(OBJECTS, sizeof(*stack));
	u32 v, garbage;

	need(t);
	need(stack);
	for (v = 0; v < OBJECTS; v++)
		ring[v]->cyclic.index = v;
	garbage = tarjan(NULL, OBJECTS, t, stack);
	free(t);
	free(stack);
	return garbage;
}

/* === Rounds === */

static int nr, failed;

static void run(const u32 *order, const char *name, int rounds)
{
	unsigned long long best[3] = { -1ull, -1ull, -1ull }, t[3], start;
	bool good = true;
	int round, i;

	for (round = 0; round < (rounds ?: 1); round++) {
		make(order);
		start = now();
		good &= search() == OBJECTS / 2;
		t[0] = now() - start;
		released = 0;
		start = now();
		good &= kobjtree_cyclic_collect() == OBJECTS / 2 &&
			released == OBJECTS / 2;
		t[1] = began - start;
		t[2] = now() - began;
		drop(order);
		for (i = 0; i < 3; i++)
			best[i] = t[i] < best[i] ? t[i] : best[i];
		if (rounds) {
			printf("garbage rings %s\t%d\tTarjan unlocked\t%d\t%llu\t%d\n",
			       name, OBJECTS, round, t[0], OBJECTS);
			printf("garbage rings %s\t%d\tkobjtree\t%d\t%llu\t%d\n",
			       name, OBJECTS, round, t[1], OBJECTS);
		}
	}
	failed |= !good;
	if (rounds)
		return;
	printf("# rings %s: pass %.1f ns for each object, Tarjan %.1f; "
	       "taken apart: %.1f for each that is garbage\n", name,
	       (double)best[1] / OBJECTS, (double)best[0] / OBJECTS,
	       (double)best[2] / (OBJECTS / 2));
	printf("%s %d - half of a million objects go, rings %s\n",
	       good ? "ok" : "not ok", ++nr, name);
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 0;
	u32 *order = calloc(OBJECTS, sizeof(*order));
	u32 i, j, v;

	need(order);
	if (!rounds)
		printf("TAP version 13\n1..2\n");
	for (i = 0; i < OBJECTS; i++)
		order[i] = i;
	run(order, "together", rounds);
	srand(1);
	for (i = OBJECTS - 1; i; i--) {
		j = rand() % (i + 1);
		v = order[i];
		order[i] = order[j];
		order[j] = v;
	}
	run(order, "scattered", rounds);
	return failed;
}
