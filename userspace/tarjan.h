/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tarjan's search for strongly connected components, without recursion, as the
 * collector of af_unix uses it: what a pass over garbage costs who may stop the world.
 *
 * A component is complete when its first object is left: it is garbage if its
 * references are all from within. That no ring in these programs holds another one
 * spares it the pass over what is held by what is kept.
 *
 * Who includes this says before what a vertex holds:
 *
 *	first_held(graph, v)		where its edges begin
 *	next_held(graph, v, &at, &w)	the next one; false if there is none
 *	outside(graph, v)		its references less those it has; their sum over
 *					a ring that nobody else holds is 0
 */
#ifndef _USERSPACE_TARJAN_H
#define _USERSPACE_TARJAN_H

struct tarjan {
	u32 index, low, parent;
	bool on_stack;
	unsigned long at;
};

/* @t and @stack: zeroed, @nr of each. Return: how many are garbage. */
static u32 tarjan(const void *graph, u32 nr, struct tarjan *t, u32 *stack)
{
	u32 root, v, w, top = 0, index = 0, garbage = 0;

	for (root = 0; root < nr; root++) {
		if (t[root].index)
			continue;
		v = root;
		t[v] = (struct tarjan){ ++index, index, v, true, first_held(graph, v) };
		stack[top++] = v;
		for (;;) {
			if (next_held(graph, v, &t[v].at, &w)) {
				if (!t[w].index) {
					t[w] = (struct tarjan){ ++index, index, v, true,
								first_held(graph, w) };
					stack[top++] = w;
					v = w;
				} else if (t[w].on_stack && t[w].index < t[v].low) {
					t[v].low = t[w].index;
				}
				continue;
			}
			if (t[v].low == t[v].index) {
				int refs = 0;
				u32 size = 0;

				do {
					w = stack[--top];
					t[w].on_stack = false;
					refs += outside(graph, w);
					size++;
				} while (w != v);
				garbage += refs ? 0 : size;
			}
			if (v == root)
				break;
			w = t[v].parent;
			if (t[v].low < t[w].low)
				t[w].low = t[v].low;
			v = w;
		}
	}
	return garbage;
}

#endif /* _USERSPACE_TARJAN_H */
