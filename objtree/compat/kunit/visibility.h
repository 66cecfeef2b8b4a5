/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For kernels that do not have it.
 */
#ifndef _KOBJTREE_COMPAT_VISIBILITY_H
#define _KOBJTREE_COMPAT_VISIBILITY_H

#include <linux/export.h>

#define EXPORT_SYMBOL_IF_KUNIT(symbol) \
	EXPORT_SYMBOL_NS(symbol, EXPORTED_FOR_KUNIT_TESTING)

#endif /* _KOBJTREE_COMPAT_VISIBILITY_H */
