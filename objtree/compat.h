/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What older kernels lack, under the names that new ones use. The one file
 * that knows of kernel versions; Kbuild includes it before everything else.
 */
#ifndef _KOBJTREE_COMPAT_H
#define _KOBJTREE_COMPAT_H

#include <linux/version.h>

#endif /* _KOBJTREE_COMPAT_H */
