// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the finder of leaks does with a picture of a graph: the same as a search
 * that takes a time square in its size, on many small graphs; and what it costs
 * for each of a million objects, beside Tarjan's search for strongly connected
 * components, which the collector of af_unix uses. Times are shown, not judged.
 *
 * Half of the objects are garbage: rings of eight, every other one held from
 * outside.
 */
#include <time.h>

#include "internal.h"

#define SMALL	12
#define GRAPHS	200000
#define LARGE	(1 << 20)
#define RING	8

static int nr, failed;

static void ok(bool good, const char *name)
{
	printf("%s %d - %s\n", good ? "ok" : "not ok", ++nr, name);
	failed |= !good;
}

static void *need(size_t n, size_t size)
{
	void *p = calloc(n, size);

	if (!p) {
		fprintf(stderr, "garbage: out of memory\n");
		exit(1);
	}
	return p;
}

/* === Small graphs === */

/* @pic before kobjtree_collect(): keep what is held by more than links, and on. */
static void slow(const struct kobjtree_picture *pic, bool *kept)
{
	int outside[SMALL];
	bool more = true;
	u32 i, link;

	for (i = 0; i < pic->nr; i++)
		outside[i] = pic->vertex[i].outside;
	for (link = 0; link < pic->links; link++)
		outside[pic->to[link]]--;
	for (i = 0; i < pic->nr; i++)
		kept[i] = outside[i] > 0;
	while (more) {
		more = false;
		for (i = 0; i < pic->nr; i++) {
			const struct kobjtree_vertex *v = &pic->vertex[i];

			for (link = v->first; kept[i] && link < v->first + v->nr; link++) {
				more |= !kept[pic->to[link]];
				kept[pic->to[link]] = true;
			}
		}
	}
}

/* Links at random, and a few references from outside. */
static void make_small(struct kobjtree_picture *pic)
{
	u32 i, nr_links;

	pic->nr = rand() % SMALL + 1;
	pic->links = 0;
	for (i = 0; i < pic->nr; i++)
		pic->vertex[i] = (struct kobjtree_vertex) { .outside = rand() % 8 == 0 };
	for (i = 0; i < pic->nr; i++) {
		nr_links = rand() % 3;
		pic->vertex[i].first = pic->links;
		pic->vertex[i].nr = nr_links;
		while (nr_links--) {
			pic->to[pic->links] = rand() % pic->nr;
			pic->vertex[pic->to[pic->links++]].outside++;
		}
	}
}

static void test_small(void)
{
	struct kobjtree_vertex vertex[SMALL];
	u32 to[2 * SMALL], queue[3 * SMALL];
	struct kobjtree_picture pic = { vertex, to, queue };
	bool kept[SMALL], same = true;
	int i, garbage = 0;
	u32 j;

	srand(1);
	for (i = 0; i < GRAPHS; i++) {
		make_small(&pic);
		slow(&pic, kept);
		kobjtree_collect(&pic);
		for (j = 0; j < pic.nr; j++) {
			same &= kept[j] == vertex[j].reached;
			garbage += !kept[j];
		}
	}
	printf("# %d graphs, %d objects are garbage\n", GRAPHS, garbage);
	ok(same && garbage > GRAPHS, "in small graphs the same is garbage as by a slow search");
}

/* === Tarjan === */

static unsigned long first_held(const void *graph, u32 v)
{
	(void)graph;
	(void)v;
	return 0;
}

static bool next_held(const void *graph, u32 v, unsigned long *at, u32 *w)
{
	const struct kobjtree_picture *pic = graph;

	if (*at == pic->vertex[v].nr)
		return false;
	*w = pic->to[pic->vertex[v].first + (*at)++];
	return true;
}

static int outside(const void *graph, u32 v)
{
	const struct kobjtree_picture *pic = graph;

	return pic->vertex[v].outside - (int)pic->vertex[v].nr;
}

#include "tarjan.h"

static u32 search(const struct kobjtree_picture *pic)
{
	struct tarjan *t = need(pic->nr, sizeof(*t));
	u32 *stack = need(pic->nr, sizeof(*stack));
	u32 garbage = tarjan(pic, pic->nr, t, stack);

	free(t);
	free(stack);
	return garbage;
}

/* === A large graph === */

/* Rings of eight of neighbours in @order. */
static void make_large(struct kobjtree_picture *pic, const u32 *order)
{
	u32 i, v, next;

	pic->nr = LARGE;
	pic->links = LARGE;
	for (i = 0; i < LARGE; i++) {
		v = order[i];
		next = order[i / RING * RING + (i + 1) % RING];
		pic->vertex[v] = (struct kobjtree_vertex) {
			.outside = 1 + (i % (2 * RING) == 0), .first = v, .nr = 1,
		};
		pic->to[v] = next;
	}
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static void large(struct kobjtree_picture *pic, const u32 *order, const char *name)
{
	double best[2] = { 1e18, 1e18 }, start;
	u32 garbage[2] = {};
	int round;
	u32 i;

	for (round = 0; round < 3; round++) {
		make_large(pic, order);
		start = now();
		garbage[0] = search(pic);
		best[0] = now() - start < best[0] ? now() - start : best[0];
		start = now();
		kobjtree_collect(pic);
		best[1] = now() - start < best[1] ? now() - start : best[1];
		garbage[1] = 0;
		for (i = 0; i < LARGE; i++)
			garbage[1] += !pic->vertex[i].reached;
	}
	printf("# %s: %.1f ns for each object, Tarjan %.1f\n", name,
	       best[1] / LARGE, best[0] / LARGE);
	ok(garbage[0] == LARGE / 2 && garbage[1] == LARGE / 2, name);
}

static void test_large(void)
{
	struct kobjtree_picture pic = {
		.vertex = need(LARGE, sizeof(*pic.vertex)),
		.to = need(LARGE, sizeof(*pic.to)),
		.queue = need(2 * LARGE, sizeof(*pic.queue)),
	};
	u32 *order = need(LARGE, sizeof(*order));
	u32 i, j, v;

	for (i = 0; i < LARGE; i++)
		order[i] = i;
	large(&pic, order, "half of a million objects, each ring together");
	for (i = LARGE - 1; i; i--) {
		j = rand() % (i + 1);
		v = order[i];
		order[i] = order[j];
		order[j] = v;
	}
	large(&pic, order, "half of a million objects, scattered");
	free(pic.vertex);
	free(pic.to);
	free(pic.queue);
	free(order);
}

int main(void)
{
	printf("TAP version 13\n1..3\n");
	test_small();
	test_large();
	return failed;
}
