/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KOBJTREE_TEST_KEEPER_H
#define _KOBJTREE_TEST_KEEPER_H

struct kobjtree;

struct kobjtree *kobjtree_test_keeper(void);

#endif /* _KOBJTREE_TEST_KEEPER_H */
