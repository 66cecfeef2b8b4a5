// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bytes as operations, on the core and on the model: three bytes each. With
 * libFuzzer, or (without LIBFUZZER) on the files that are named.
 */
#include "shim.h"

#include "both.h"

#define MAX_OPS		2000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool in_range(struct op *op)
{
	static const unsigned char max[NR_OPS][4] = {
		[OP_INIT] = { NR_OBJECTS, NR_KINDS, 1, 1 },
		[OP_MEMBER] = { NR_OBJECTS, NR_OBJECTS, 2, 1 },
		[OP_HOLD] = { NR_OBJECTS, NR_OBJECTS, 1 + NR_PLACES, 2 },
		[OP_LINK] = { NR_OBJECTS, NR_OBJECTS, ALLOCATED + 1, 2 },
		[OP_UNLINK] = { NR_OBJECTS, 1 + NR_PLACES, 1, 1 },
		[OP_DROP] = { NR_OBJECTS, NR_OBJECTS, 1, 1 },
		[OP_MOVE] = { NR_OBJECTS, 1 + NR_PLACES, NR_OBJECTS, ALLOCATED + 1 },
		[OP_GET] = { NR_OBJECTS, 2, 1, 1 },
		[OP_GET_HELD] = { NR_OBJECTS, NR_OBJECTS, 1, 1 },
		[OP_PUT] = { NR_OBJECTS, 1, 1, 1 },
		[OP_PUT_ASYNC] = { NR_OBJECTS, 1, 1, 1 },
		[OP_RUN] = { 1, 1, 1, 1 },
		[OP_WEAK_SET] = { NR_WEAK, NR_OBJECTS, 1, 1 },
		[OP_WEAK_GET] = { NR_WEAK, 1, 1, 1 },
		[OP_WEAK_CLEAR] = { NR_WEAK, 1, 1, 1 },
		[OP_ACTION] = { NR_OBJECTS, NR_DEEDS, 3, 1 },
		[OP_REMOVE] = { NR_OBJECTS, NR_DEEDS, 1, 1 },
		[OP_RELEASE] = { NR_OBJECTS, NR_DEEDS, 1, 1 },
		[OP_ALLOC] = { NR_OBJECTS, NR_BLOCKS, 2, 1 },
		[OP_KFREE] = { NR_OBJECTS, NR_BLOCKS, 1, 1 },
		[OP_CARRY] = { NR_OBJECTS, NR_OBJECTS, 2 + NR_DEEDS, 2 },
		[OP_UNDO] = { NR_OBJECTS, 5, 1, 1 },
	};

	return op->what < NR_OPS && op->a < max[op->what][0] &&
	       op->b < max[op->what][1] && op->c < max[op->what][2] &&
	       op->d < max[op->what][3];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct op op;
	size_t i;

	both_start();
	for (i = 0; i + 2 < size && i < 3 * MAX_OPS; i += 3) {
		op = (struct op){ data[i], data[i + 1] >> 4, data[i + 1] & 0xf,
				  data[i + 2] >> 4, data[i + 2] & 0xf };
		if (in_range(&op))
			both(op);
	}
	both_end();
	return 0;
}

#ifndef LIBFUZZER
static void replay(const char *name)
{
	static uint8_t data[3 * MAX_OPS];
	FILE *file = fopen(name, "r");

	if (!file) {
		fprintf(stderr, "cannot open %s\n", name);
		exit(1);
	}
	LLVMFuzzerTestOneInput(data, fread(data, 1, sizeof(data), file));
	fclose(file);
}

int main(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++)
		replay(argv[i]);
	printf("TAP version 13\n1..1\n%sok 1 - %d files of fuzzed operations\n",
	       argc > 1 ? "" : "not ", argc - 1);
	return argc == 1;
}
#endif
