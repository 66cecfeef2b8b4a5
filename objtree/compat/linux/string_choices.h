/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For kernels that do not have it.
 */
#ifndef _KOBJTREE_COMPAT_STRING_CHOICES_H
#define _KOBJTREE_COMPAT_STRING_CHOICES_H

#include <linux/types.h>

static inline const char *str_true_false(bool v)
{
	static const char * const words[] = { "false", "true" };

	return words[v];
}

#endif /* _KOBJTREE_COMPAT_STRING_CHOICES_H */
