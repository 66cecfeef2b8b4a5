/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For kernels whose KUnit has no static stubs; see COMPAT_NO_KUNIT_STUBS.
 */
#ifndef _KOBJTREE_COMPAT_STATIC_STUB_H
#define _KOBJTREE_COMPAT_STATIC_STUB_H

#define KUNIT_STATIC_STUB_REDIRECT(fn, args...)	do { } while (0)

#define kunit_activate_static_stub(test, fn, replacement)		\
	KUNIT_FAIL(test, "%ps cannot replace " #fn "()", replacement)
#define kunit_deactivate_static_stub(test, fn)	do { } while (0)

#endif /* _KOBJTREE_COMPAT_STATIC_STUB_H */
