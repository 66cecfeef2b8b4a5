// SPDX-License-Identifier: GPL-2.0-only
/*
 * Graphs in user space: layer 1 of kobjtree, over the shim of userspace/, and talloc,
 * with the same malloc().
 *
 * usage: user kobjtree|talloc chain|star|tree OBJECTS
 *        user --gauge
 *
 * Each object has 64 bytes of data and something to call at its end. Makes as many
 * graphs as it takes for some ten thousand objects, and then ends them, once: how long
 * each took for all objects, in nanoseconds, and how many objects that were; and how
 * long nothing took, before or after, whichever is longer. The gauge is how long that
 * takes where nobody disturbs it.
 */
#include <linux/kobjtree.h>

#include <talloc.h>

#include "gauge.h"

#define DATA	64
#define FAN	4
#define OBJECTS	20000

enum shape { CHAIN, STAR, TREE };

static unsigned long released;

/* === kobjtree === */

/* What holds none but the one in the place inside the object is a leaf. */
struct leaf {
	struct kobjtree tree;
	char data[DATA];
};

struct node {
	struct kobjtree tree;
	char data[DATA];
	struct kobjtree_edge edge[];
};

static void tree_release(struct kobjtree *obj)
{
	(void)obj;
	released++;
}

DEFINE_KOBJTREE_TYPE(leaf_type, struct leaf, tree, .release = tree_release);

static struct kobjtree *tree_new(unsigned long edges)
{
	struct node *node = __kobjtree_alloc(sizeof(*node) + edges * sizeof(node->edge[0]),
					     0, &leaf_type, GFP_KERNEL, NULL);

	if (!node)
		abort();
	return &node->tree;
}

static unsigned long tree_edges(enum shape shape, unsigned long i, unsigned long n)
{
	if (shape == STAR)
		return i ? 0 : n;
	return shape == TREE && i * FAN + 1 < n ? FAN - 1 : 0;
}

static void *tree_make(enum shape shape, unsigned long n, void **node)
{
	struct kobjtree *holder;
	unsigned long i, h, k;

	for (i = 0; i < n; i++)
		node[i] = tree_new(tree_edges(shape, i, n));
	for (i = n - 1; i; i--) {
		h = shape == CHAIN ? i - 1 : shape == STAR ? 0 : (i - 1) / FAN;
		k = i - 1 - (shape == CHAIN ? h : h * FAN);
		holder = node[h];
		kobjtree_hold_edge_give(holder, k ? &((struct node *)holder)->edge[k - 1] :
						    NULL, node[i]);
	}
	return node[0];
}

static void tree_end(void *root)
{
	kobjtree_put(root);
}

/* === talloc === */

struct data {
	char data[DATA];
};

static int talloc_released(struct data *data)
{
	(void)data;
	released++;
	return 0;
}

static void *talloc_make(enum shape shape, unsigned long n, void **node)
{
	unsigned long i, h;
	struct data *data;

	for (i = 0; i < n; i++) {
		h = shape == CHAIN ? i - 1 : shape == STAR ? 0 : (i - 1) / FAN;
		data = talloc_zero(i ? node[h] : NULL, struct data);
		if (!data)
			abort();
		talloc_set_destructor(data, talloc_released);
		node[i] = data;
	}
	return node[0];
}

static void talloc_end(void *root)
{
	talloc_free(root);
}

int main(int argc, char **argv)
{
	bool tree = argc == 4 && !strcmp(argv[1], "kobjtree");
	enum shape shape = argc != 4 ? CHAIN : *argv[2] == 'c' ? CHAIN :
			   *argv[2] == 's' ? STAR : TREE;
	unsigned long n = argc == 4 ? strtoul(argv[3], NULL, 10) : 0, graphs, i;
	unsigned long long start, made, ended, before;
	void **node, **root;

	if (argc == 2 && !strcmp(argv[1], "--gauge")) {
		for (ended = gauge(), i = 0; i < 20000; i++) {
			made = gauge();
			ended = made < ended ? made : ended;
		}
		printf("%llu\n", ended);
		return 0;
	}
	if (!n || (!tree && strcmp(argv[1], "talloc"))) {
		fprintf(stderr, "usage: user kobjtree|talloc chain|star|tree OBJECTS\n");
		return 1;
	}
	graphs = n < OBJECTS ? OBJECTS / n : 1;
	node = calloc(n, sizeof(*node));
	root = calloc(graphs, sizeof(*root));
	if (!node || !root)
		abort();
	before = gauge();
	start = now();
	for (i = 0; i < graphs; i++)
		root[i] = (tree ? tree_make : talloc_make)(shape, n, node);
	made = now();
	for (i = 0; i < graphs; i++)
		(tree ? tree_end : talloc_end)(root[i]);
	ended = now();
	if (released != graphs * n) {
		fprintf(stderr, "user: %lu of %lu objects were released\n", released,
			graphs * n);
		return 1;
	}
	printf("%llu %llu %lu %llu\n", made - start, ended - made, released,
	       max(before, gauge()));
	return 0;
}
