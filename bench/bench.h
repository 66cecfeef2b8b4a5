/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The benchmark: rows, each of which is one measure taken of several peers in turn.
 */
#ifndef _KOBJTREE_BENCH_H
#define _KOBJTREE_BENCH_H

#include <linux/kobjtree.h>
#include <linux/kref.h>
#include <linux/ktime.h>
#include <linux/types.h>

/**
 * struct bench_peer - one peer of a row
 * @name: in the results
 * @setup: before each round, or NULL; an error ends the benchmark
 * @run: do the operation so many times; returns the nanoseconds that it took
 * @cleanup: after each round, or NULL
 */
struct bench_peer {
	const char *name;
	int (*setup)(void);
	u64 (*run)(unsigned long n);
	void (*cleanup)(void);
};

/**
 * struct bench_row - one measure
 * @name: in the results
 * @peers: its peers
 * @nr: how many
 * @ops: operations in a round, of each peer
 * @cpus: 2 if the other CPU does the same at the same time
 * @once: without a run to warm up
 */
struct bench_row {
	const char *name;
	const struct bench_peer *peers;
	int nr;
	unsigned long ops;
	int cpus;
	bool once;
};

#define BENCH_ROW(_name, _peers, _ops, ...) {				\
	.name = (_name),						\
	.peers = (_peers),						\
	.nr = ARRAY_SIZE(_peers),					\
	.ops = (_ops),							\
	__VA_ARGS__							\
}

/* Define @_name to time @_code, which may use i, in a loop of n. */
#define BENCH_LOOP(_name, _code)					\
static u64 _name(unsigned long n)					\
{									\
	u64 start = ktime_get_ns();					\
	unsigned long i;						\
									\
	for (i = 0; i < n; i++) {					\
		_code;							\
		barrier();						\
	}								\
	return ktime_get_ns() - start;					\
}

/* main.c */
int bench_rows(const struct bench_row *rows, int nr);
bool bench_wanted(const char *row);
int bench_rounds(void);
void bench_result(const char *row, unsigned long size, const char *peer,
		  int round, u64 ns, unsigned long ops);
/* Which peer comes at @turn of a round: in one order, then in the other. */
int bench_turn(int round, int turn, int nr);
/* do { begin(); ... } while (again()): results of a turn that was disturbed go */
void bench_turn_begin(void);
bool bench_turn_again(void);
/* Let the other CPU call @fn once, and wait for that, or not yet. */
void bench_other_start(void (*fn)(void *data), void *data);
void bench_other_wait(void);

/* The peers, in the files of their names. */
int bench_refs(void);
int bench_edges(void);
int bench_graphs(void);
int bench_gates(void);
int bench_sizes(void);

#endif /* _KOBJTREE_BENCH_H */
