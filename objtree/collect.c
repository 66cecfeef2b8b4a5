// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which objects of a picture nothing outside of it keeps: what is left of each
 * one's references when those that links explain are subtracted is held from
 * outside; what such objects lead to is kept, and the rest is garbage.
 *
 * Two passes, each linear in objects and links, in place of a search for
 * strongly connected components: those depend on one miss of the cache after
 * the other, these know long before what they will touch.
 *
 *   vertex: not reached -> queued, once for each link -> reached
 */
#include <linux/limits.h>
#include <linux/prefetch.h>
#include <linux/sched.h>

#include "internal.h"

/* How many links ahead their objects are fetched. */
#define KOBJTREE_AHEAD	16

/* Objects or links between two chances for others. */
#define KOBJTREE_SLICE	4096

static void kobjtree_slice(u32 i)
{
	if (i % KOBJTREE_SLICE == 0)
		cond_resched();
}

static void kobjtree_subtract(struct kobjtree_picture *pic)
{
	struct kobjtree_vertex *vertex;
	u32 i;

	for (i = 0; i < pic->links; i++) {
		if (i + KOBJTREE_AHEAD < pic->links)
			prefetchw(&pic->vertex[pic->to[i + KOBJTREE_AHEAD]]);
		vertex = &pic->vertex[pic->to[i]];
		if (vertex->outside != KOBJTREE_KEPT)
			vertex->outside--;
		kobjtree_slice(i);
	}
}

static u32 kobjtree_reach(struct kobjtree_picture *pic, u32 number, u32 tail)
{
	struct kobjtree_vertex *vertex = &pic->vertex[number];
	u32 i;

	if (vertex->reached)
		return tail;
	vertex->reached = true;
	for (i = vertex->first; i < vertex->first + vertex->nr; i++) {
		prefetchw(&pic->vertex[pic->to[i]]);
		pic->queue[tail++] = pic->to[i];
	}
	return tail;
}

/* The links of what is further back in the queue are fetched meanwhile. */
static void kobjtree_reach_all(struct kobjtree_picture *pic, u32 tail)
{
	u32 head, ahead;

	for (head = 0; head < tail; head++) {
		ahead = head + KOBJTREE_AHEAD / 2;
		if (ahead < tail)
			prefetch(&pic->to[pic->vertex[pic->queue[ahead]].first]);
		tail = kobjtree_reach(pic, pic->queue[head], tail);
		kobjtree_slice(head);
	}
}

/**
 * kobjtree_collect_more() - keep what leads from objects that are held from outside
 * @pic: the picture; more may be held from outside than in the call before
 *
 * Context: process context, may sleep.
 */
void kobjtree_collect_more(struct kobjtree_picture *pic)
{
	u32 i, tail = 0;

	for (i = 0; i < pic->nr; i++) {
		if (pic->vertex[i].outside > 0)
			pic->queue[tail++] = i;
		kobjtree_slice(i);
	}
	kobjtree_reach_all(pic, tail);
}

/**
 * kobjtree_collect() - tell what is kept from what is garbage
 * @pic: the picture; sets ->reached of each object, none of which is set
 *
 * A link that is missing in the picture makes one object look kept. One that is
 * no reference may make several look like garbage.
 *
 * Context: process context, may sleep.
 */
void kobjtree_collect(struct kobjtree_picture *pic)
{
	kobjtree_subtract(pic);
	kobjtree_collect_more(pic);
}
